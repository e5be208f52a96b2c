"""Pictures of the lake as loaders open them."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from ops.core.sorted_keys import places, sorted_keys
from ops.preflight.contract import UNKNOWN_STATE, Picture

COLUMNS = ("image_id", "width_px", "height_px", "exif_orientation")
"""Columns of images (schemas.IMAGES) that a forecast needs."""
_FIRST_SIDEWAYS = 5


def stored_picture(width_px: int, height_px: int, exif_orientation: int) -> Picture:
    """A picture whose upright size and EXIF orientation are known: loaders that ignore the orientation see its sides
    swapped where it lies on its side."""
    turned = exif_orientation >= _FIRST_SIDEWAYS
    return Picture(height_px, width_px, turned=True) if turned else Picture(width_px, height_px)


class PictureSizes:
    """Sizes of pictures by id: 44 bytes a picture."""

    def __init__(self, images: pa.Table) -> None:
        self._ids, order = sorted_keys([image or "" for image in images["image_id"].to_pylist()])
        sides = [[side or 0 for side in images[name].to_pylist()] for name in COLUMNS[1:]]
        self._sizes = np.array(sides, dtype=np.int32).T[order]

    def of(self, image_ids: Iterable[str]) -> dict[str, Picture]:
        """The pictures of these ids; what is not there is of an unknown state."""
        wanted = sorted(set(image_ids))
        at = places(self._ids, wanted)
        return {
            image: stored_picture(*self._sizes[place].tolist()) if place >= 0 else Picture(state=UNKNOWN_STATE)
            for image, place in zip(wanted, at.tolist(), strict=True)
        }
