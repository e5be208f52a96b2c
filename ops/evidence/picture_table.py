"""What ingest found in the pixels of images, looked up by their ids: plain arrays, which Ray shares between workers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.sorted_keys import places, sorted_keys
from ops.vision.colours import FACT_BYTES

#: Columns of `images` that the table is made from.
READ = (
    "image_id",
    "perceptual_hash",
    "colours",
    "width_px",
    "height_px",
    "exif_orientation",
    "edge_share",
    "entropy_bits",
    "text_share",
)
_FIGURES = READ[6:]
_SIZES = READ[3:6]


@dataclass(frozen=True, slots=True)
class Look:
    """What an image is recognised by: its perceptual hash, and its colours (ops.vision.colours.picture_facts)."""

    hash: int
    colours: bytes


@dataclass(frozen=True, slots=True)
class PictureTable:
    """`ids` (n, sorted, fixed-width bytes); `hashes` (n, uint64) and `colours` (n, FACT_BYTES; uint8), where `seen` (n,
    bool) says that they are known; `figures` (n, 4): megapixels, share of edges, entropy in bits, share that looks
    written, NaN where unknown; `sizes` (n, 3; int32): width and height of the upright image in pixels, and its EXIF
    orientation."""

    ids: np.ndarray
    hashes: np.ndarray
    colours: np.ndarray
    has_look: np.ndarray
    figures: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, images: pa.Table) -> "PictureTable":
        """From rows of `images` (READ), each image at most once, in any order."""
        texts = images["perceptual_hash"].to_pylist()
        ids, order = sorted_keys([one or "" for one in images["image_id"].to_pylist()])
        sides = [images[name].to_numpy().astype(np.float64) for name in ("width_px", "height_px")]
        figures = [sides[0] * sides[1] / 1e6, *(images[name].to_numpy() for name in _FIGURES)]
        colours = images["colours"].to_pylist()
        facts = b"".join(one or bytes(FACT_BYTES) for one in colours)
        return cls(
            ids,
            np.array([int(text, 16) if text else 0 for text in texts], dtype=np.uint64)[order],
            np.frombuffer(facts, np.uint8).reshape(-1, FACT_BYTES)[order],
            np.array([bool(text and one) for text, one in zip(texts, colours, strict=True)], dtype=bool)[order],
            np.stack(figures, axis=1).astype(np.float64)[order],
            np.array([[one or 0 for one in images[name].to_pylist()] for name in _SIZES], dtype=np.int32).T[order],
        )

    def places(self, image_ids: Sequence[str]) -> np.ndarray:
        """Place of each image in the table (n, int64); -1 where it is not there."""
        return places(self.ids, image_ids)

    def look(self, image_id: str) -> Look | None:
        """What the image is recognised by, or None."""
        at = int(self.places([image_id])[0])
        return Look(int(self.hashes[at]), self.colours[at].tobytes()) if at >= 0 and self.has_look[at] else None


NO_PICTURES = PictureTable(
    np.zeros(0, dtype="S1"),
    np.zeros(0, dtype=np.uint64),
    np.zeros((0, FACT_BYTES), dtype=np.uint8),
    np.zeros(0, dtype=bool),
    np.zeros((0, 4)),
    np.zeros((0, 3), dtype=np.int32),
)
