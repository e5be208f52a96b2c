"""Boxes of a text on another scale: the same places, in the same words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.boxes.conventions import PLAIN, Size, from_pixels, to_pixels
from ops.boxes.notations import marked_boxes
from ops.boxes.rewriting import BoxRewritingError, rewritten, rewritten_parts

WRITTEN = {
    "tokens": "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>({0},{1}),({2},{3})<|box_end|>",
    "tags": "<ref>a dog</ref><box>[[{0}, {1}, {2}, {3}]]</box>",
    "json": '{{"bbox_2d": [{0}, {1}, {2}, {3}], "label": "a dog"}}',
}
SIZES = st.builds(Size, st.integers(20, 4000), st.integers(20, 4000))
CONVENTIONS = st.sampled_from([*PLAIN, "resized 1092x728", "qwen2.5-vl 12544-451584"])
TEXTS = st.text(st.characters(exclude_characters='0123456789<>[]"', exclude_categories=["Cs"]), max_size=8)


def boxes_of(text: str, size: Size, convention: str) -> list[dict[str, Any]]:
    """The rows of `boxes` that ingest would write of a text in this convention."""
    rows: list[dict[str, Any]] = []
    for box in marked_boxes(text):
        pixels = to_pixels(box.numbers, convention, size) or (None,) * 4
        corners = dict(zip(("left", "top", "right", "bottom"), (*pixels, *pixels)[:4], strict=True))
        about = {"start": box.start, "end": box.end, "delivered": list(box.numbers), "convention": convention}
        rows.append({**about, **corners, "image_width_px": size.width, "image_height_px": size.height})
    return rows


@st.composite
def written(draw: st.DrawFn, size: Size, convention: str) -> str:
    """A text with boxes on this scale."""
    pieces: list[str] = []
    for notation in draw(st.lists(st.sampled_from(sorted(WRITTEN)), max_size=4)):
        sides = (size.width, size.height, size.width, size.height)
        pixels = [draw(st.floats(0, side)) for side in sides]
        numbers = [f"{value:.12g}" for value in from_pixels(pixels, convention, size) or ()]
        pieces += [draw(TEXTS), WRITTEN[notation].format(*numbers)]
    return "".join([*pieces, draw(TEXTS)])


@given(size=SIZES, source=CONVENTIONS, target=CONVENTIONS, data=st.data())
def test_the_boxes_stay_where_they_are_and_the_words_stay(size: Size, source: str, target: str, data: st.DataObject):
    text = data.draw(written(size, source))
    boxes = boxes_of(text, size, source)
    text_there = rewritten(text, boxes, target)
    boxes_there = boxes_of(text_there, size, target)
    assert len(boxes_there) == len(boxes)
    unit = {"unit": 0.001}.get(target, 1.0)
    sides = to_pixels([unit, unit], target, size)
    assert sides is not None
    for before, after in zip(boxes, boxes_there, strict=True):
        for side, half_px in zip(("left", "top", "right", "bottom"), (*sides, *sides), strict=True):
            assert abs(before[side] - after[side]) <= half_px / 2 + 1e-6
    assert marked_free(text) == marked_free(text_there)
    if source == target:
        assert text_there == text


def marked_free(text: str) -> str:
    for box in reversed(marked_boxes(text)):
        text = f"{text[: box.start]}#{text[box.end :]}"
    return text


@given(size=SIZES, source=CONVENTIONS, target=CONVENTIONS, data=st.data())
def test_parts_are_written_as_the_whole_is(size: Size, source: str, target: str, data: st.DataObject):
    parts = data.draw(st.lists(written(size, source), max_size=3))
    whole = "".join(parts)
    boxes = boxes_of(whole, size, source)
    assert "".join(rewritten_parts(parts, boxes, target)) == rewritten(whole, boxes, target)


def test_what_cannot_be_written_is_an_error_and_not_another_box():
    text = WRITTEN["tags"].format(1, 2, 3, 4)
    boxes = boxes_of(text, Size(100, 100), "pixels")
    unknown = [box | dict.fromkeys(("left", "top", "right", "bottom")) | {"convention": "unknown"} for box in boxes]
    with pytest.raises(BoxRewritingError, match="scale or image is not known"):
        rewritten(text, unknown, "unit")
    with pytest.raises(BoxRewritingError, match="two parts"):
        rewritten_parts([text[:30], text[30:]], boxes, "unit")
    assert rewritten(text, [box | {"start": None} for box in boxes], "unit") == text
