"""LLaVA-NeXT (1.6): anyres. A picture is fitted into the best of five grids of 336-pixel tiles, and each row of
patches that it fills ends in one more token; with the whole picture at 336 pixels before them, it becomes 1,176 to
2,928 tokens or so."""

from ops.preflight.contract import Family, Sight
from ops.preflight.families.writing import VICUNA
from ops.preflight.limits import Limits

_PATCH = 14
_GRIDS = ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))
"""Rows and columns, in the order of `image_grid_pinpoints` in llava-v1.6's config.json."""


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """Tokens of the whole picture and of what it fills of its grid."""
    side = limits.image_side_px or 336
    rows, columns = _grid(width_px, height_px, side)
    patches = side // _PATCH
    high, wide = patches * rows, patches * columns
    if width_px / height_px > wide / high:
        high -= (high - int(round(height_px * (wide / width_px), 7))) // 2 * 2
    else:
        wide -= (wide - int(round(width_px * (high / height_px), 7))) // 2 * 2
    return Sight(patches**2 + high * wide + high, wide * _PATCH, high * _PATCH)


def _grid(width_px: int, height_px: int, side: int) -> tuple[int, int]:
    """The grid that shows most of the picture and, among such, wastes least."""
    best, most, least_waste = (1, 1), 0, float("inf")
    for rows, columns in _GRIDS:
        scale = min(columns * side / width_px, rows * side / height_px)
        used = min(int(width_px * scale) * int(height_px * scale), width_px * height_px)
        waste = rows * columns * side * side - used
        if used > most or (used == most and waste < least_waste):
            best, most, least_waste = (rows, columns), used, waste
    return best


FAMILY = Family(
    name="llava-next",
    title="LLaVA-NeXT",
    source="transformers 5.23 models/llava_next/processing_llava_next.py and image_processing_utils.py",
    look=look,
    template=VICUNA,
    presets={"max_tokens": 4096},
    members=("llava-1.6", "llava-v1.6", "llava-v1.6-vicuna-7b-hf"),
    image_token="<image>",  # noqa: S106
)
