"""The way between the scales of boxes and pixels loses no more than the writing rounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.boxes.conventions import PLAIN, UNKNOWN, Size, counts_pixels, from_pixels, is_convention, scale, to_pixels

# No picture is so thin that Qwen's resizing refuses it.
SIZES = st.builds(Size, st.integers(40, 8000), st.integers(40, 8000))
CONVENTIONS = st.sampled_from([*PLAIN, "resized 1092x728", "resized 28x56", "qwen2.5-vl", "qwen2.5-vl 12544-451584"])
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


def test_qwen_s_own_example_is_written_as_its_tool_writes_it():
    """The box that process_bbox.ipynb of its fine-tuning code converts, for Qwen2-VL and for Qwen2.5-VL."""
    box, size = (146, 137, 615, 415), Size(640, 428)
    assert from_pixels(box, "thousand", size) == (228, 320, 961, 970)
    assert from_pixels(box, "qwen2.5-vl 3136-1003520", size) == (147, 134, 619, 407)


def test_an_unknown_convention_gives_no_pixels():
    assert to_pixels([1, 2, 3, 4], UNKNOWN, Size(10, 10)) is None
    assert from_pixels([1, 2, 3, 4], UNKNOWN, Size(10, 10)) is None
    named = ["pixels", "unknown", "resized 10x", "resized 0x5", "resized 10x20", "percent", "resized 1x2 "]
    named += ["qwen2.5-vl", "qwen2.5-vl 9-5", "qwen2.5-vl 5-5", "qwen2.5-vl 0-5", "qwen2.5-vl 5", "qwen3-vl"]
    known = ["pixels", "resized 10x20", "qwen2.5-vl", "qwen2.5-vl 5-5"]
    assert [name for name in named if is_convention(name)] == known
    assert [name for name in (*named, "unit", "thousand") if counts_pixels(name)] == known


#: The model's own range: sides are rounded to 28. Those of its fine-tuning scripts: 16 to 576 times 28 x 28 pixels.
@pytest.mark.parametrize(
    ("convention", "size", "sides"),
    [
        ("qwen2.5-vl", Size(640, 480), (644, 476)),
        ("qwen2.5-vl", Size(30, 30), (56, 56)),
        ("qwen2.5-vl", Size(7000, 7000), (3584, 3584)),
        ("qwen2.5-vl 12544-451584", Size(1920, 1080), (896, 504)),
        ("qwen2.5-vl 12544-451584", Size(60, 60), (112, 112)),
        ("qwen2.5-vl", Size(4000, 10), None),
    ],
)
def test_pixels_of_qwen_are_those_after_its_own_resize(
    convention: str, size: Size, sides: tuple[int, int] | None
) -> None:
    assert scale(convention, size) == sides
    corner = to_pixels(sides or (1, 1), convention, size)
    assert corner == (None if sides is None else pytest.approx((size.width, size.height)))
