"""RL prompts as their trainers document them, with texts of our own: nothing of a prompt is ever a target."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, find, given, settings
from hypothesis import strategies as st

from ops.formats.registry import all_formats, format_of, reading
from ops.intake.row import Prompt, Rollout, Row, RowError
from ops.intake.rows import IngestSettings, check_row
from tests.support.examples import examples
from tests.support.judged_rows import ASKED, PROMPTS, TRUTH, VERL, WRONG, packed
from tests.support.trainer_rows import ASK, CAT, DOG, TRAINERS, text


def read(record: dict[str, Any], name: str = "", **how: Any) -> Row:
    form = name or getattr(format_of([record]), "name", "")
    return check_row(reading(form, named=bool(name), **how).parse(record), IngestSettings())


def asked(record: dict[str, Any], name: str = "") -> Prompt:
    prompt = read(record, name).prompt
    assert prompt
    return prompt


@pytest.mark.parametrize(("form", "record"), PROMPTS)
def test_a_prompt_is_read_with_its_truth(form: str, record: dict[str, Any]):
    row = read(record)
    assert (getattr(format_of([record]), "name", None), row.kind) == (form, "prompt")
    assert row.prompt
    assert row.prompt.ground_truth == TRUTH
    assert not any(message.role == "assistant" for message in row.messages)
    assert row.prompt.rollouts == ((Rollout(TRUTH, 1.0), Rollout(WRONG, 0.0)) if "rewards" in record else ())


def test_style_and_source_are_kept_and_the_rest_is_metadata():
    row = read(VERL)
    assert row.prompt == Prompt(ground_truth=TRUTH, style="rule", data_source="zoo")
    assert row.metadata == {"ability": "counting", "extra_info": {"index": 3}}
    assert read(VERL | {"reward_model": VERL["reward_model"] | {"w": 2}}).metadata["reward_model"] == {"w": 2}


def test_truths_that_are_no_texts_are_kept_as_json():
    for value, written in ((4, "4"), ([1.5, "b"], '[1.5,"b"]'), ({"b": 1, "a": None}, '{"a":null,"b":1}')):
        prompt = asked(VERL | {"reward_model": {"style": "rule", "ground_truth": value}})
        assert (prompt.ground_truth, prompt.is_json) == (written, True)


def test_a_prompt_without_a_truth_is_read_where_its_format_is_named():
    cut = {"messages": [ASKED], "images": ["a.jpg"]}
    with pytest.raises(RowError, match="turn_order"):
        read(cut)
    assert asked(cut, "ms_swift_grpo").ground_truth is None
    assert asked({"prompt": "Write a poem."}, "trl_grpo").ground_truth is None
    assert asked({"prompt": "2 + 2?", "answer": "4"}, "easyr1").ground_truth == "4"


def test_an_answer_at_the_end_of_ms_swifts_messages_is_removed_and_kept_as_metadata():
    row = read({"messages": [ASK, CAT], "images": ["a.jpg"], "solution": "cat"}, "ms_swift_grpo")
    assert text(row) == "user: <0>What is this? | ground_truth: cat"
    assert row.metadata == {"removed_response": "A cat."}


def test_nemo_rls_sets_are_read_where_they_are_named():
    talk = {"messages": [ASK, CAT], "images": ["a.jpg"], "task_name": "zoo"}
    row = read(talk, "nemo_rl")
    assert text(row) == "user: <0>What is this? | ground_truth: A cat."
    assert row.prompt
    assert row.prompt.data_source == "zoo"
    assert read(talk).kind == "sft", "nothing in it says that it is none"
    assert asked({"input": "1 + 1?", "output": "2"}, "nemo_rl").ground_truth == "2"
    with pytest.raises(RowError, match="field_missing"):
        read({"messages": [ASK], "images": ["a.jpg"]}, "nemo_rl")


def test_rollouts_come_in_several_shapes():
    objects = [{"response": "4", "reward": 1}, {"text": "5", "score": False}]
    assert asked(VERL | {"rollouts": objects}).rollouts == (Rollout("4", 1.0), Rollout("5", 0.0))
    turns = [[{"role": "assistant", "content": "4"}]]
    assert asked(VERL | {"completions": turns, "rewards": [0.5]}).rollouts == (Rollout("4", 0.5),)
    assert asked(VERL | {"scores": [1, None]}).rollouts == (Rollout(None, 1.0), Rollout(None, None))
    with pytest.raises(RowError, match="rating_invalid"):
        read(VERL | {"responses": ["4"], "rewards": [1, 0]})


@pytest.mark.parametrize(
    ("reason", "record"),
    [
        ("ambiguous_judgement", {"messages": [ASKED], "images": ["a.jpg"], "solution": "3", "label": True}),
        ("ambiguous_truth", {"messages": [ASK, CAT], "images": ["a.jpg"], "solution": "A cat."}),
        ("ambiguous_truth", {"image": "a.jpg", "question": "What?", "answer": "3", "ground_truth": 3}),
        ("placeholder_mismatch", VERL | {"images": ["a.jpg", "b.jpg"]}),
        ("turn_order", VERL | {"prompt": [ASKED, DOG]}),
    ],
)
def test_what_may_be_misread_is_refused(reason: str, record: dict[str, Any]):
    with pytest.raises(RowError, match=f"^{reason}"):
        read(record)


def test_a_pair_in_a_file_of_prompts_is_refused():
    with pytest.raises(RowError, match=r"^ambiguous_judgement"):
        all_formats()["verl"].parse(VERL | {"chosen": "3", "rejected": "4"})


def test_a_column_that_is_no_truth_is_named_so():
    row = read({"messages": [ASK, CAT], "images": ["a.jpg"], "solution": "A cat."}, ignored=("solution",))
    assert row.kind == "sft"


NAMING = re.compile("truth|solution|reward|problem|responses_create|expected")
PLAIN = ("messages", "prompt", "query", "problem", "text", "caption", "image", "conversations", "instruction")


@st.composite
def mutilated(draw: st.DrawFn) -> dict[str, Any]:
    """A prompt with fields dropped, added and renamed, of which one that tells it from an example of SFT is left. What
    holds a truth or a rollout may go, and keeps its name: under that of a caption, nobody can say that it is none."""
    _, row = draw(st.sampled_from(PROMPTS))
    telling = draw(st.sampled_from([name for name in row if NAMING.search(name)]))
    row_fields: dict[str, Any] = {telling: row[telling]}  # first, so that no other field takes its name
    for name, value in [(name, value) for name, value in row.items() if name != telling]:
        others = st.sampled_from(PLAIN) | st.text(max_size=5)
        kept = st.sampled_from([name] * 3 + [None])
        renamed = draw(kept if TRUTH in str(value) else kept | others)
        if renamed is not None:
            row_fields.setdefault(renamed, value)
    return row_fields


def readings(record: dict[str, Any], form: str) -> Iterator[tuple[str, Row]]:
    """The record as this format reads it and as the one that recognises it does, where they do not refuse it."""
    elected = format_of([record])
    for name in {form, elected.name if elected else form}:
        with suppress(RowError):
            yield name, check_row(all_formats()[name].parse(record), IngestSettings())


#: One that a format of SFT takes for its own; a draw is one about once in two thousand.
TAKEN_FOR_SFT = {"solution": TRUTH, "text": "<image>How many?", "image": "a.jpg", "responses": [TRUTH, WRONG]}


def test_mutilated_prompts_are_still_read_and_some_for_examples_of_sft():
    """So that what is held of them below is held of something."""
    cases = st.tuples(mutilated(), st.sampled_from(sorted(all_formats())))
    find(cases, lambda case: "prompt" in {row.kind for _, row in readings(*case)})
    assert "sft" in {row.kind for _, row in readings(TAKEN_FOR_SFT, "alpaca")}


@given(record=mutilated(), form=st.sampled_from(sorted(all_formats())), in_tar=st.booleans())
@example(record=TAKEN_FOR_SFT, form="alpaca", in_tar=False)
@settings(deadline=None, max_examples=examples(400))
def test_no_truth_and_no_rollout_becomes_a_target_whatever_the_file_is_taken_for(
    record: dict[str, Any], form: str, in_tar: bool
):
    for name, row in readings(packed(record) if in_tar else record, form):
        taught = [message.text for message in row.messages if message.role in ("assistant", "chosen")]
        assert not any(TRUTH in answer or WRONG in answer for answer in taught), (name, record)


def test_every_format_of_prompts_is_among_these_rows_and_the_trainers():
    prompts = {name for name, form in all_formats().items() if "prompt" in form.kinds} - {"webdataset"}
    assert {form for form, _ in PROMPTS} == prompts
    assert prompts <= {form for _, form, _, _ in TRAINERS}
    packed_kinds = {read(packed(record)).kind for _, record in PROMPTS}
    assert packed_kinds == {"prompt"}, "webdataset holds rows of all others"
