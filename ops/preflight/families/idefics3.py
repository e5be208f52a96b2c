"""Idefics3 and SmolVLM: the longer side is brought to 1,456 pixels (SmolVLM: set image_side_px to 1,536 or 2,048 and
see its own config), the picture cut into tiles of 364 pixels and followed by the whole, each 169 tokens; each tile
has two marks before it, each row of tiles ends in a line, and the whole has three marks."""

import math

from ops.preflight.contract import Family, Sight
from ops.preflight.families.writing import IDEFICS
from ops.preflight.limits import Limits

_TILE, _TILE_TOKENS = 364, 169


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """Tokens of all tiles and their marks; the size is that to which the picture is scaled."""
    longest = limits.image_side_px or 4 * _TILE
    width, height = _scaled(width_px, height_px, longest)
    columns, rows = math.ceil(width / _TILE), math.ceil(height / _TILE)
    if columns * rows == 1:
        return Sight(_TILE_TOKENS + 3, width, height)
    return Sight(_TILE_TOKENS + 3 + rows * (columns * (_TILE_TOKENS + 2) + 1), width, height)


def _scaled(width_px: int, height_px: int, longest: int) -> tuple[int, int]:
    """Sides with the longer one at `longest` and the other even."""
    aspect = width_px / height_px
    if width_px >= height_px:
        other = int(longest / aspect)
        return longest, max(1, other + other % 2)
    other = int(longest * aspect)
    return max(1, other + other % 2), longest


FAMILY = Family(
    name="idefics3",
    title="Idefics3 and SmolVLM",
    source="transformers 5.23 models/idefics3/processing_idefics3.py and image_processing_idefics3.py",
    look=look,
    template=IDEFICS,
    presets={"max_tokens": 8192},
    members=("smolvlm", "idefics3-8b-llama3"),
    image_token="<image>",  # noqa: S106
)
