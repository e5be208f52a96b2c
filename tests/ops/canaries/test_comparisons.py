"""Canaries of audits that compare the corpus: copies and contradictions of own rows, with nothing else changed."""

import io
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from ops.canaries.comparisons import (
    ANSWERED,
    KINDS,
    Comparisons,
    Sources,
    canary_delivery,
    comparisons,
    pictures_of,
    texts_of,
)
from ops.canaries.copies import COPIED, REENCODED, RETOLD, REWORDED
from ops.canaries.pairs import EXCHANGED, EXCHANGED_IMAGE, EXCHANGED_QUERY, NEAR_REJECTED, REJECTED
from ops.canaries.prompts import OTHER_TRUTH, TAUGHT
from ops.canaries.rows import MARK
from ops.core.canonical import image_key, query_key
from ops.core.identity import image_id, text_id
from ops.core.schemas import PROMPTS
from ops.intake.rows import IngestSettings
from ops.prompts.truths import truth_key
from ops.text.likeness import compared_texts
from ops.text.turn_rows import turn_rows
from tests.support.corpora import Dialogue, Judged, example, message, tables

LONG = "Two men stand beside a red bus in the street while a dog runs over the grass and children look at it from afar."


def jpeg(number: int) -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, "JPEG")
    return data.getvalue()


TRUTHS = ("B", "12", "yes", "red", "a wooden chair")


def prompts(names: list[str]) -> tuple[pa.Table, pa.Table]:
    """Prompts of RL, of which the last has no truth that says another thing where a word is changed."""
    rows: list[dict[str, Any]] = []
    known: list[dict[str, Any]] = []
    for n, truth in enumerate(TRUTHS):
        row = example(Dialogue([(f"What is asked {n}?", truth)], image=names[n % 4]), 100 + n)
        row |= {"kind": "prompt", "messages": [row["messages"][0], {**row["messages"][1], "role": "ground_truth"}]}
        row["messages"].append(message("rollout", truth))
        keys = {"image_key": image_key(row["image_ids"]), "query_key": query_key(f"What is asked {n}?")}
        asked = {"query": f"What is asked {n}?", "ground_truth": truth, "is_json": False, **keys}
        rows.append(row)
        known.append({name: row.get(name) for name in PROMPTS.schema.names} | asked)
    examples = pa.Table.from_pylist(rows, schema=tables([])["examples"].schema)
    return examples, pa.Table.from_pylist(known, schema=PROMPTS.schema)


def made_of(seed: int = 0, each: int = 9) -> tuple[dict[str, pa.Table], Comparisons]:
    pictures = {image_id(data): data for data in map(jpeg, range(4))}
    names = list(pictures)
    rows: list[Judged | Dialogue] = [
        Dialogue([("What is it?", f"thing {n}"), ("Describe it.", f"{LONG} {n}")], image=names[n % 4]) for n in range(5)
    ]
    rows += [Dialogue([("How many are there?", "four"), ("Is it red?", "No.")], image=None)]
    rows += [Judged(f"sound {n}", f"poor picture of a thing {n}", image=names[n % 4], rating=5) for n in range(5)]
    rows += [Judged("the same", "The same", image=names[0]), Judged("alone", label="good", image=names[0])]
    given = tables(rows)
    asked, given["prompts"] = prompts(names)
    given["examples"] = pa.concat_tables([given["examples"], asked])
    order = np.random.default_rng(seed).permutation(given["examples"].num_rows)
    wanted = pictures_of(given["examples"], each=each)
    assert set(wanted) <= set(names)
    shuffled = given["examples"].take(pa.array(order))
    # But for one sentence, all is embedded.
    texts = [text_id(text) for text in texts_of(given["examples"], each=each) if text != "4"]
    sources = Sources(shuffled, given["preferences"], given["prompts"], pictures, texts)
    return given, comparisons(sources, IngestSettings(), each=each)


def rows_by_fault(made: Comparisons) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {fault: [] for fault in KINDS}
    for row in made.examples.to_pylist():
        rows[made.faults[row["example_id"]]].append(row)
    return rows


def test_each_kind_is_made_of_the_rows_that_can_have_it() -> None:
    given, made = made_of()
    assert Counter(made.faults.values()) == {
        COPIED: 6,
        REWORDED: 5,
        RETOLD: 4,
        REENCODED: 5,
        EXCHANGED: 5,
        EXCHANGED_IMAGE: 5,
        EXCHANGED_QUERY: 5,
        ANSWERED: 1,
        REJECTED: 6,
        NEAR_REJECTED: 5,
        OTHER_TRUTH: 4,
        TAUGHT: 6,
    }
    assert all(name.startswith(MARK) for name in made.faults)
    assert set(made.examples["delivery"].to_pylist()) == {canary_delivery("one-0")}
    assert not {*made.faults} & {*given["examples"]["example_id"].to_pylist()}
    assert made_of(seed=1)[1].examples.equals(made.examples)
    assert max(Counter(made_of(each=2)[1].faults.values()).values()) == 2


def test_a_copy_says_and_shows_the_same() -> None:
    given, made = made_of()
    own = turn_rows(given["examples"])["dialogues"].to_pylist()
    keys = {row["dialogue_key"] for row in own}
    copies = turn_rows(made.of([COPIED]).examples)["dialogues"].to_pylist()
    assert {row["dialogue_key"] for row in copies} <= keys
    others = turn_rows(made.of([REWORDED, REENCODED]).examples)["dialogues"].to_pylist()
    assert not {row["dialogue_key"] for row in others} & keys


def test_a_phrase_is_reworded_and_the_rest_stays() -> None:
    given, made = made_of()
    own = {row["example_id"]: row for row in given["examples"].to_pylist()}
    for row in rows_by_fault(made)[REWORDED]:
        before = own[row["example_id"].rsplit("-", 1)[1]]
        texts = [[m["parts"][-1]["text"] for m in each["messages"]] for each in (before, row)]
        assert texts[0][:3] == texts[1][:3]
        assert 0 < len(set(texts[1][3].split()) ^ set(texts[0][3].split())) <= 6
        assert row["image_ids"] == before["image_ids"]


def test_a_picture_is_stored_anew_and_known_by_its_own_facts() -> None:
    given, made = made_of()
    facts = {row["image_id"]: row for row in made.images.to_pylist()}
    known = {image for ids in given["examples"]["image_ids"].to_pylist() for image in ids or ()}
    assert facts
    assert not set(facts) & known
    for row in rows_by_fault(made)[REENCODED]:
        (image,) = row["image_ids"]
        assert row["messages"][0]["parts"][0]["image_id"] == image
        assert (facts[image]["width_px"], facts[image]["format"], facts[image]["bytes"]) == (72, "JPEG", None)
        assert len(facts[image]["perceptual_hash"]) == 16


@pytest.mark.parametrize("fault", [EXCHANGED, EXCHANGED_IMAGE, EXCHANGED_QUERY])
def test_an_exchanged_pair_says_the_opposite(fault: str) -> None:
    given, every = made_of()
    made = every.of([fault])
    own = {(row["example_id"], row["label"]): row for row in given["preferences"].to_pylist()}
    canaries = {row["example_id"]: row for row in made.examples.to_pylist()}
    for row in made.preferences.to_pylist():
        before = own[row["example_id"].rsplit("-", 1)[1], row["label"]]
        assert (row["response"], row["opponent"]) == (before["opponent"], before["response"])
        assert (row["response_key"], row["opponent_key"]) == (before["opponent_key"], before["response_key"])
        same = [row[name] == before[name] for name in ("query_key", "image_key")]
        assert same == [fault != EXCHANGED_QUERY, fault != EXCHANGED_IMAGE]
        asked = canaries[row["example_id"]]["messages"][0]["parts"]
        assert (asked[-1]["text"], asked[0]["image_id"]) == (row["query"], row["image_ids"][0])
        assert (row["query_key"], row["image_key"]) == (query_key(row["query"]), image_key(row["image_ids"]))
        assert row["judgement_id"].startswith(MARK)
        assert row["rating"] == before["rating"]
    for row in canaries.values():
        texts = {message["role"]: message["parts"][-1]["text"] for message in row["messages"][1:]}
        assert texts["chosen"].startswith("poor")
        assert texts["rejected"].startswith("sound")


def test_a_copy_in_other_words_is_made_where_its_words_are_embedded() -> None:
    given, made = made_of()
    own = {row["example_id"]: row for row in given["examples"].to_pylist()}
    retold = rows_by_fault(made)[RETOLD]
    for row in retold:
        before = own[row["example_id"].rsplit("-", 1)[1]]
        assert row["image_ids"] == before["image_ids"]
        texts = [compared_texts(one["messages"]) for one in (before, row)]
        changed = [pair for pair in zip(*texts, strict=True) if pair[0] != pair[1]]
        assert len(changed) == 1
        assert set(changed[0][0].split()) != set(changed[0][1].split())
        assert "4" not in texts[1]


def test_another_truth_says_another_thing_and_nothing_else_changes() -> None:
    given, made = made_of()
    own = {row["example_id"]: row for row in given["prompts"].to_pylist()}
    rows = {row["example_id"]: row for row in made.of([OTHER_TRUTH]).examples.to_pylist()}
    for row in made.of([OTHER_TRUTH]).prompts.to_pylist():
        before = own[row["example_id"].rsplit("-", 1)[1]]
        assert (row["query_key"], row["image_key"]) == (before["query_key"], before["image_key"])
        keys = {truth_key(one["ground_truth"], is_json=False) for one in (row, before)}
        assert len(keys) == 2
        assert [message["role"] for message in rows[row["example_id"]]["messages"]] == ["user", "ground_truth"]
        assert rows[row["example_id"]]["messages"][1]["parts"][-1]["text"] == row["ground_truth"]
    assert {own[name.rsplit("-", 1)[1]]["ground_truth"] for name in rows} == {*TRUTHS[:-1]}


def test_a_taught_prompt_asks_what_an_sft_row_answers() -> None:
    given, made = made_of()
    turns = {(row["query_key"], row["image_key"], row["response"]) for row in given["turns"].to_pylist()}
    asked = made.of([TAUGHT]).prompts.to_pylist()
    assert {(row["query_key"], row["image_key"], row["ground_truth"]) for row in asked} <= turns
    assert not turn_rows(made.of([TAUGHT]).examples)["turns"].num_rows


def test_a_rejected_response_becomes_the_answer_to_the_same_question() -> None:
    given, made = made_of()
    judged = [row for row in given["preferences"].to_pylist() if row["label"] == "rejected"]
    keys = {tuple(row[name] for name in ("image_key", "query_key", "response_key")) for row in judged}
    for fault in (REJECTED, NEAR_REJECTED):
        turns = turn_rows(made.of([fault]).examples)["turns"].to_pylist()
        assert {row["kind"] for row in rows_by_fault(made)[fault]} == {"sft"}
        taught = [tuple(row[name] for name in ("image_key", "query_key", "response_key")) for row in turns]
        assert taught
        assert {key[:2] for key in taught} <= {key[:2] for key in keys}
        assert bool(keys & {*taught}) == (fault == REJECTED)


def test_a_closed_answer_says_the_opposite_and_no_other_row_is_touched() -> None:
    given, made = made_of()
    turns = [turn_rows(table)["turns"].to_pylist() for table in (given["examples"], made.of([ANSWERED]).examples)]
    before = [row for row in turns[0] if row["answer_kind"] in ("number", "yes_no")]
    assert [(row["answer_kind"], row["query_key"]) for row in before] == [
        (row["answer_kind"], row["query_key"]) for row in turns[1]
    ]
    assert sum(row["answer"] != other["answer"] for row, other in zip(before, turns[1], strict=True)) == 1


@pytest.mark.parametrize("fault", KINDS)
def test_those_of_a_fault_are_told_apart(fault: str) -> None:
    made = made_of()[1].of([fault])
    assert set(made.faults.values()) == {fault}
    assert set(made.examples["example_id"].to_pylist()) == set(made.faults)
    assert bool(made.preferences.num_rows) == (KINDS[fault] == "preference")
    assert bool(made.prompts.num_rows) == (KINDS[fault] == "prompt")
