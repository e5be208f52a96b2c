"""Damaged texts: an answer that says something else, and only that; a question that tells its answer."""

from typing import Any

import pyarrow as pa
import pytest

from ops.canaries.damage import ROWS_EACH, canaries
from ops.canaries.texts import FALSE, answers_by_question, false_answer, told_answers
from ops.core.identity import image_id
from ops.core.schemas import BOXES, EXAMPLES
from ops.core.turns import read_turns


def row_of(n: int, *turns: tuple[str, str]) -> dict[str, Any]:
    picture = {"type": "image", "text": None, "image_id": image_id(f"{n}".encode())}
    messages: list[dict[str, Any]] = []
    for query, answer in turns:
        asked = [picture] if not messages else []
        asked += [{"type": "text", "text": query, "image_id": None}] if query else []
        answered = [{"type": "text", "text": answer, "image_id": None}]
        messages += [{"role": "user", "parts": asked}, {"role": "assistant", "parts": answered}]
    row = {"delivery": "d", "example_id": f"{n:04}", "source_id": f"{n}", "dataset": "one", "kind": "sft"}
    return row | {"messages": messages, "image_ids": [picture["image_id"]]}


def answers(row: dict[str, Any]) -> list[str]:
    return [turn.answer for turn in read_turns(pa.Table.from_pylist([row], schema=EXAMPLES.schema))]


@pytest.mark.parametrize(
    ("fault", "answer", "kept"),
    [
        ("false_colour", "A red bus waits.", "A {} bus waits."),
        ("false_colour", "Red", "{}"),
        ("false_number", "4", "{}"),
        ("false_number", "There are two dogs here.", "There are {} dogs here."),
        ("false_object", "A dog runs.", "A {} runs."),
        ("false_yes_no", "Yes.", "{}"),
    ],
)
def test_an_answer_says_something_else_and_nothing_more(fault: str, answer: str, kept: str) -> None:
    row = row_of(1, ("What is it?", answer), ("And now?", "nothing at all, it seems to me"))
    canary = false_answer(row, fault, {})
    assert canary is not None
    changed, unchanged = answers(canary)
    before, after = kept.split("{}")
    assert changed.startswith(before)
    assert changed.endswith(after)
    assert changed != answer
    assert unchanged == "nothing at all, it seems to me"
    assert answers(row)[0] == answer


@pytest.mark.parametrize("fault", FALSE)
def test_an_answer_without_such_a_claim_has_no_canary(fault: str) -> None:
    assert false_answer(row_of(1, ("What is it?", "a view over the hills by dawn, wide and calm")), fault, {}) is None


def test_a_thing_becomes_what_another_row_answers_to_the_question() -> None:
    rows = [row_of(n, ("Which shape is it?", shape)) for n, shape in enumerate(["circle", "square", "circle"])]
    others = answers_by_question(rows)
    canary = false_answer(rows[0], "false_object", others)
    assert canary is not None
    assert answers(canary) == ["square"]
    assert false_answer(rows[0], "false_object", {}) is None


def test_every_question_of_the_row_has_its_answer() -> None:
    row = row_of(1, ("What is left?", "a tall lamp"), ("What is right?", "a cup."))
    canary = told_answers(row)
    assert canary is not None
    queries = [turn.query for turn in read_turns(pa.Table.from_pylist([canary], schema=EXAMPLES.schema))]
    assert all(answer in query for answer, query in zip(["a tall lamp", "a cup"], queries, strict=True))
    assert all(asked in query for asked, query in zip(["What is left?", "What is right?"], queries, strict=True))
    assert answers(canary) == answers(row)
    assert told_answers(row_of(2, ("", "a cup"))) is None


def test_a_twentieth_of_the_rows_that_could_have_the_fault_has_it() -> None:
    rows = [row_of(n, ("What is it?", f"a red thing of kind {n}" if n % 2 else f"thing {n}")) for n in range(200)]
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    made = canaries(examples, BOXES.schema.empty_table(), each=100)
    faults = list(made.faults.values())
    assert faults.count("false_colour") == 100 // ROWS_EACH
    assert faults.count("blind_questions") == 200 // ROWS_EACH
    assert not {"false_number", "false_object", "false_yes_no"} & set(faults)
