"""Stored examples as rows: as their export writes them."""

from typing import Any

import pyarrow as pa

from ops.core.schemas import BOXES
from ops.preflight.contract import Picture
from ops.preflight.examples import READ, pixel_scales, rows_of
from ops.preflight.pictures import COLUMNS, PictureSizes
from tests.support.samples import sample_examples, sample_images


def test_samples_become_rows_with_their_pictures() -> None:
    examples = sample_examples()
    sizes = PictureSizes(sample_images(examples).select(COLUMNS))
    pictures = sizes.of(image for images in examples["image_ids"].to_pylist() for image in images or ())
    texts, typed = (rows_of(examples, pictures.__getitem__, as_parts=flag) for flag in (False, True))
    assert [row.row_id for row in texts] == examples["example_id"].to_pylist()
    places = [sum(turn.places for turn in row.turns) for row in texts]
    assert places == [sum(turn.places for turn in row.turns) for row in typed]
    assert any(places)
    for row, example in zip(texts, examples.select(READ).to_pylist(), strict=True):
        named = [part["image_id"] for message in example["messages"] or () for part in message["parts"] or ()]
        assert len(row.pictures) == sum(one is not None for one in named)
        roles = {turn.role for turn in row.turns}
        assert row.unreadable or roles <= {"system", "user", "assistant", "tool"}


def test_answers_without_loss_are_known_where_the_trainer_masks_them() -> None:
    def message(role: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "text": role, "image_id": None}]}

    roles = {"sft": "user context user assistant", "preference": "user assistant user chosen rejected"}
    table = pa.table(
        {
            "example_id": [*roles],
            "kind": [*roles],
            "messages": [[message(role) for role in spoken.split()] for spoken in roles.values()],
            "image_ids": pa.array([[], []], pa.list_(pa.string())),
        }
    )
    (sft, pair), others = (
        rows_of(table, lambda _: Picture(1, 1), as_parts=False, masks_answers=flag) for flag in (True, False)
    )
    assert [row.unreadable for row in others] == ["an answer that carries no loss", ""]
    assert sft.unreadable == ""
    assert [(turn.role, turn.is_learned) for turn in sft.turns if turn.role != "user"] == [
        ("assistant", False),
        ("assistant", True),
    ]
    # Of a pair its two answers alone are learned.
    assert [turn.is_learned for turn in pair.turns if turn.role == "assistant"] == [False]
    assert pair.chosen is not None
    assert pair.chosen.is_learned


def test_a_picture_on_its_side_is_stored_with_its_sides_swapped() -> None:
    images = pa.table({"image_id": ["b", "a"], "width_px": [30, 10], "height_px": [40, 20], "exif_orientation": [6, 1]})
    sizes = PictureSizes(images).of(["a", "b", "c"])
    assert sizes["a"] == Picture(10, 20)
    assert (sizes["b"].size, sizes["b"].upright) == ((40, 30), (30, 40))
    assert sizes["c"].state == "unknown"


def test_boxes_in_pixels_are_those_that_can_move() -> None:
    examples = sample_examples()
    first, second = examples["example_id"].to_pylist()[:2]
    rows = [
        {"example_id": first, "convention": "qwen2.5-vl", "notation": "json"},
        {"example_id": first, "convention": "pixels", "notation": "objects"},
        {"example_id": second, "convention": "thousand", "notation": "tokens"},
    ]
    boxes = pa.Table.from_pylist(rows, schema=BOXES.schema)
    scales = pixel_scales(boxes, writes_boxes=False)
    read = rows_of(examples, lambda _: Picture(1, 1), as_parts=True, box_scales=scales)
    assert {row.row_id: row.box_scales for row in read if row.box_scales} == {first: ("pixels", "qwen2.5-vl")}
    assert pixel_scales(boxes, writes_boxes=True) == {first: ("qwen2.5-vl",)}
