import json
from typing import Any

import pyarrow as pa
import pytest

from ops.audits.metadata_leak import AUDIT
from ops.core.schemas import EXAMPLES
from ops.evidence.inputs import RowInputs
from ops.leaks.field_leaks import FieldLeakSettings
from tests.support.samples import sample_inputs


def measured(question: str, answer: str, *, source_id: str = "q17", file: str = "part-0.json", **metadata: Any) -> dict:
    """The one turn's measures."""
    turns = [("user", question), ("assistant", answer)]
    row = {
        "delivery": "d-1",
        "example_id": "e1",
        "source_id": source_id,
        "kind": "sft",
        "messages": [{"role": r, "parts": [{"type": "text", "text": t, "image_id": None}]} for r, t in turns],
        "image_ids": ["0" * 64],
        "metadata": json.dumps(metadata) if metadata else None,
        "provenance": {"file": file, "row": 0},
    }
    inputs = sample_inputs(pa.Table.from_pylist([row], schema=EXAMPLES.schema))
    (measures,) = AUDIT.measure(inputs, AUDIT.settings).to_pylist()
    return measures


LEAKS = [
    ("a red circle is in the image. what color is the circle?", "red", {}, "question", "query"),
    ("What animal is this?", "A dog.", {"alt": "two dogs, playing"}, "metadata", "alt"),
    ("What animal is this?", "polar bear", {"image": {"file": "polar_bear_012.jpg"}}, "metadata", "image.file"),
    ("What color is it?", "It's grey", {"tags": ["car", "gray"]}, "metadata", "tags"),
    ("How many are there?", "three", {"count": 3}, "metadata", "count"),
    ("What animal is this?", "tiger", {"source_id": "img_tiger_3"}, "id", "source_id"),
    ("What animal is this?", "tiger", {"file": "zoo/whiteTiger.jsonl"}, "file", "file"),
    (
        "Describe the image.",
        "A man rides a brown horse along the sandy beach at sunset.",
        {"caption": "man riding brown horse, sandy beach, sunset"},
        None,
        None,
    ),
    (
        "Describe the image.",
        "A brown horse stands on the sandy beach at sunset.",
        {"caption": "Sunset on a sandy beach: a brown horse stands."},
        "metadata",
        "caption",
    ),
]
SOUND = [
    ("what color is the circle?", "red", {}),
    ("Is the ball red or blue?", "red", {}),
    ("What color is it? Options: red, blue", "red", {}),
    ("What is this?\nA. cat\nB. dog", "dog", {}),
    ("How many dogs are there in frame 3?", "3", {"caption": "3 dogs of 4", "year": 2013}),
    ("How many are there?", "3", {"source_id": "3", "file": "3.json"}),
    ("What is this?", "a fire truck", {"caption": "a truck on fire"}),
    ("What is this?", "cat", {"caption": "concatenated category"}),
]


@pytest.mark.parametrize(("question", "answer", "fields", "source", "field"), LEAKS)
def test_finds_what_was_read_off_a_field(
    question: str, answer: str, fields: dict, source: str | None, field: str | None
) -> None:
    measures = measured(question, answer, **fields)
    assert not measures["abstained"]
    assert measures["is_leaked"] == (source is not None)
    if source:
        assert (measures["source"], measures["field"]) == (source, field)
        assert measures["containment"] >= 0.8
        assert measures["evidence"]


@pytest.mark.parametrize(("question", "answer", "fields"), SOUND)
def test_lets_sound_answers_be(question: str, answer: str, fields: dict) -> None:
    measures = measured(question, answer, **fields)
    assert not measures["abstained"]
    assert not measures["is_leaked"]


@pytest.mark.parametrize("answer", ["yes", "No, there is not.", "I don't know.", "", "..."])
def test_abstains_where_an_answer_tells_too_little(answer: str) -> None:
    measures = measured("Is there a yes in the no?", answer, caption="yes no")
    assert measures["abstained"]
    assert measures["why"]
    assert measures["is_leaked"] is None


def test_shows_where_it_was_read() -> None:
    measures = measured("What is it?", "teal", caption="One two three four five six teal seven eight nine ten eleven")
    assert measures["evidence"] == "three four five six teal seven eight nine ten"


def test_metadata_that_is_no_json_or_nests_deep_does_no_harm() -> None:
    deep: Any = "red"
    for _ in range(50):
        deep = [deep]
    assert not measured("What is it?", "red", deep=deep)["is_leaked"]


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ValueError, match="long_share"):
        FieldLeakSettings(long_share=2)


def test_examples_without_images_have_no_row() -> None:
    inputs = sample_inputs(pa.Table.from_pylist([], schema=EXAMPLES.schema))
    assert isinstance(inputs, RowInputs)
    assert AUDIT.measure(inputs, AUDIT.settings).num_rows == 0
