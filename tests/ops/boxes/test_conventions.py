"""The way between the scales of boxes and pixels loses no more than the writing rounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.boxes.conventions import PLAIN, UNKNOWN, Size, from_pixels, is_convention, scale, to_pixels

SIZES = st.builds(Size, st.integers(1, 8000), st.integers(1, 8000))
CONVENTIONS = st.sampled_from([*PLAIN, "resized 1092x728", "resized 28x56"])
#: What 1 in the last written place stands for.
UNITS = {"unit": 0.001}


@st.composite
def boxes(draw: st.DrawFn, size: Size) -> list[float]:
    sides = (size.width, size.height, size.width, size.height)
    return [draw(st.floats(0, side)) for side in sides[: draw(st.sampled_from((2, 4)))]]


@given(size=SIZES, convention=CONVENTIONS, data=st.data())
def test_a_box_comes_back_within_half_of_what_is_written(size: Size, convention: str, data: st.DataObject):
    pixels = data.draw(boxes(size))
    written = from_pixels(pixels, convention, size)
    sides = scale(convention, size)
    assert written is not None
    assert sides is not None
    back = to_pixels(written, convention, size)
    assert back is not None
    for place, (before, after) in enumerate(zip(pixels, back, strict=True)):
        pixels_a_unit = UNITS.get(convention, 1) * (size.width, size.height)[place % 2] / sides[place % 2]
        assert abs(before - after) <= pixels_a_unit / 2 + 1e-6


@given(size=SIZES, convention=CONVENTIONS, data=st.data())
def test_what_was_written_is_written_again_alike(size: Size, convention: str, data: st.DataObject):
    written = from_pixels(data.draw(boxes(size)), convention, size)
    assert written is not None
    pixels = to_pixels(written, convention, size)
    assert pixels is not None
    assert from_pixels(pixels, convention, size) == pytest.approx(written, abs=1e-9)


def test_the_corners_of_the_image_are_the_ends_of_every_scale():
    size = Size(640, 480)
    whole = [0, 0, 640, 480]
    expected = {"pixels": whole, "unit": [0, 0, 1, 1], "thousand": [0, 0, 1000, 1000], "resized 64x96": [0, 0, 64, 96]}
    assert {name: list(from_pixels(whole, name, size) or ()) for name in expected} == expected
    assert {name: list(to_pixels(box, name, size) or ()) for name, box in expected.items()} == dict.fromkeys(
        expected, whole
    )


def test_an_unknown_convention_gives_no_pixels():
    assert to_pixels([1, 2, 3, 4], UNKNOWN, Size(10, 10)) is None
    assert from_pixels([1, 2, 3, 4], UNKNOWN, Size(10, 10)) is None
    named = ["pixels", "unknown", "resized 10x", "resized 0x5", "resized 10x20", "percent", "resized 1x2 "]
    assert [name for name in named if is_convention(name)] == ["pixels", "resized 10x20"]
