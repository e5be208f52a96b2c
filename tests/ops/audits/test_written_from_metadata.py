"""Leaked answers with and without their picture's support, on vectors whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.written_from_metadata import AUDIT, WrittenSettings
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import scored_texts

DIM = 32
IMAGES = [image_id(f"{n}".encode()) for n in range(100)]


@pytest.fixture(scope="module")
def inputs() -> RowInputs:
    """The texts of all examples lie near image 0. Example 0 shows it, example 1 another; both answers stand in the
    file's name. Example 2 shows another too, but its answer stands nowhere; example 3 shows none."""
    drawn = np.random.default_rng(4)
    rows = []
    for n, (image, name) in enumerate(
        [(0, "tiger_1.jpg"), (1, "tiger_2.jpg"), (2, "img_3.jpg"), (None, "tiger_4.jpg")]
    ):
        image_ids = [] if image is None else [IMAGES[image]]
        picture = [{"type": "image", "text": None, "image_id": i} for i in image_ids]
        asked = {
            "role": "user",
            "parts": [*picture, {"type": "text", "text": "What animal is this?", "image_id": None}],
        }
        message = {"role": "assistant", "parts": [{"type": "text", "text": "A tiger.", "image_id": None}]}
        row = {"delivery": "d", "example_id": f"{n}", "messages": [asked, message], "image_ids": image_ids}
        rows.append(row | {"metadata": json.dumps({"image": name})})
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    matrix = drawn.normal(size=(len(IMAGES), DIM))
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    # What is near image 0 is far from image 1: the answer fits most other images better than that one.
    matrix[1] = -matrix[0]
    images = Vectors.of(IMAGES, matrix)
    wanted = sorted(set(scored_texts(examples)))
    texts = Vectors.of([text_id(text) for text in wanted], np.repeat(matrix[:1], len(wanted), axis=0))
    return RowInputs(examples, images, texts, choose_bank(images, 64), choose_bank(texts, 64))


def test_a_leaked_answer_that_does_not_fit_its_picture_was_written_from_the_field(inputs: RowInputs) -> None:
    rows = AUDIT.measure(inputs, AUDIT.settings).to_pylist()
    assert [(row["example_id"], row["is_ungrounded"]) for row in rows] == [("0", False), ("1", True)]
    assert {(row["source"], row["field"]) for row in rows} == {("metadata", "image")}
    assert rows[0]["p_value"] < 0.1
    assert rows[1]["p_value"] > 0.9
    assert "tiger" in rows[1]["evidence"]


def test_where_grounding_cannot_be_told_the_row_abstains(inputs: RowInputs) -> None:
    few = replace(inputs, bank_images=choose_bank(inputs.images, 5))
    for changed in (few, replace(inputs, texts=Vectors(inputs.texts.ids[:0], inputs.texts.matrix[:0]))):
        rows = AUDIT.measure(changed, AUDIT.settings).to_pylist()
        assert [row["abstained"] for row in rows] == [True, True]
        assert all(row["is_ungrounded"] is None and row["why"] and row["field"] == "image" for row in rows)


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ValueError, match="poor_p_value"):
        WrittenSettings(poor_p_value=0)
    with pytest.raises(ValueError, match="long_share"):
        WrittenSettings(long_share=2)
