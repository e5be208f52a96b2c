"""The scales that the numbers of boxes are on, and the way between them and pixels of the upright image.

A box is left, top, right and bottom, a point is x and y. A convention says what 1 stands for:

- `pixels`: a pixel of the upright image, as ms-swift's `real` and COCO have it;
- `unit`: a whole side of the image (ms-swift's `norm1`, LLaVA, Shikra);
- `thousand`: a thousandth of a side (Qwen-VL, Qwen2-VL, Qwen3-VL, InternVL);
- `resized WxH`: a pixel of the image after a resize to W x H pixels;
- `qwen2.5-vl MIN-MAX`: a pixel of the image as Qwen2.5-VL's processor resizes it, which depends on its size and on the
  range that the processor is given (`min_pixels`, `max_pixels`); without a range, its own;
- `unknown`: nothing tells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ops.boxes.smart_resize import QWEN_2_5, SmartResize, UnresizableError

PIXELS = "pixels"
UNIT = "unit"
THOUSAND = "thousand"
UNKNOWN = "unknown"
PLAIN = (PIXELS, UNIT, THOUSAND)
"""The conventions that need no size of their own, and that numbers are held against where nobody names one."""
NAMES = f"{', '.join(PLAIN)}, `resized WIDTHxHEIGHT`, `qwen2.5-vl` or `qwen2.5-vl MIN-MAX` (pixels)"
"""What a person may name, in words."""
_RESIZED = re.compile(r"resized ([1-9]\d{0,5})x([1-9]\d{0,5})", re.ASCII)
_QWEN = re.compile(r"qwen2\.5-vl(?: ([1-9]\d{0,8})-([1-9]\d{0,8}))?", re.ASCII)
_DECIMALS = {UNIT: 3}


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of an upright image, in pixels."""

    width: int
    height: int


def is_convention(name: str) -> bool:
    """Whether the text names a convention that boxes can be read by."""
    return name in PLAIN or _RESIZED.fullmatch(name) is not None or _resize(name) is not None


def counts_pixels(convention: str) -> bool:
    """Whether the numbers are pixels, of the image as it is or after some resize."""
    return convention == PIXELS or (convention not in PLAIN and is_convention(convention))


def scale(convention: str, image: Size) -> tuple[float, float] | None:
    """What the image's width and height are in this convention; None where it is `unknown`, or a resize refuses the
    image."""
    match convention:
        case "pixels":
            return float(image.width), float(image.height)
        case "unit":
            return 1.0, 1.0
        case "thousand":
            return 1000.0, 1000.0
        case _:
            sides = _RESIZED.fullmatch(convention)
            return _resized_sides(convention, image) if sides is None else (float(sides[1]), float(sides[2]))


def _resized_sides(convention: str, image: Size) -> tuple[float, float] | None:
    resize = _resize(convention)
    try:
        width, height = (0, 0) if resize is None else resize.size(image.width, image.height)
    except UnresizableError:
        return None
    return (float(width), float(height)) if width else None


@lru_cache(maxsize=16)
def _resize(convention: str) -> SmartResize | None:
    """The resize that a convention names; None where it names none."""
    name = _QWEN.fullmatch(convention)
    if name is None or name[1] is None:
        return None if name is None else QWEN_2_5
    least, most = int(name[1]), int(name[2])
    return replace(QWEN_2_5, min_image_px=least, max_image_px=most) if least <= most else None


def to_pixels(numbers: Sequence[float], convention: str, image: Size) -> tuple[float, ...] | None:
    """Numbers of a box or point as pixels of the upright image, neither rounded nor clipped; None of an unknown
    convention."""
    sides = scale(convention, image)
    if sides is None:
        return None
    factors = (image.width / sides[0], image.height / sides[1])
    return tuple(value * factors[place % 2] for place, value in enumerate(numbers))


def from_pixels(pixels: Sequence[float], convention: str, image: Size) -> tuple[float, ...] | None:
    """Pixels of the upright image as this convention writes them: thousandths of a side with three decimals, all else
    in whole numbers. None of an unknown convention."""
    sides = scale(convention, image)
    if sides is None:
        return None
    factors = (sides[0] / image.width, sides[1] / image.height)
    places = _DECIMALS.get(convention, 0)
    return tuple(round(value * factors[place % 2], places) for place, value in enumerate(pixels))
