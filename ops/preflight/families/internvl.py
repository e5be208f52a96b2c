"""InternVL 2 to 3: dynamic tiles. A picture is stretched over the grid of 448-pixel tiles, 12 at most, whose aspect
is nearest to its own, with one more tile of the whole where it has several; a tile is 256 tokens (28 x 28 patches,
shuffled two by two)."""

from functools import lru_cache

from ops.preflight.contract import Family, Sight
from ops.preflight.families.writing import CHATML
from ops.preflight.limits import Limits

_TILE_TOKENS_SIDE = 28


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """Tokens of all tiles; the size is that of the grid."""
    side, most = limits.image_side_px or 448, limits.max_tiles or 12
    columns, rows = _grid(width_px, height_px, side, most)
    tiles = columns * rows + (columns * rows > 1)
    return Sight(tiles * (side // _TILE_TOKENS_SIDE) ** 2, columns * side, rows * side)


def _grid(width_px: int, height_px: int, side: int, most: int) -> tuple[int, int]:
    """The nearest aspect; of the same, the larger grid where the picture has half its pixels."""
    aspect, best, nearest = width_px / height_px, (1, 1), float("inf")
    for columns, rows in _grids(most):
        distance = abs(aspect - columns / rows)
        larger = width_px * height_px > 0.5 * side * side * columns * rows
        if distance < nearest or (distance == nearest and larger):
            best, nearest = (columns, rows), distance
    return best


@lru_cache(maxsize=16)
def _grids(most: int) -> list[tuple[int, int]]:
    sides = range(1, most + 1)
    grids = [(columns, rows) for columns in sides for rows in sides if columns * rows <= most]
    return sorted(grids, key=lambda grid: grid[0] * grid[1])


FAMILY = Family(
    name="internvl",
    title="InternVL 2, 2.5 and 3",
    source=(
        "InternVL internvl_chat/internvl/train/dataset.py (dynamic_preprocess); transformers 5.23 "
        "models/got_ocr2/image_processing_got_ocr2.py"
    ),
    look=look,
    template=CHATML,
    presets={"max_tokens": 8192},
    members=("internvl2", "internvl2.5", "internvl3", "internvl3-8b"),
    image_token="<IMG_CONTEXT>",  # noqa: S106
    around=(1, 1),
)
