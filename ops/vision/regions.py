"""Where in a picture a phrase has its place, and which colours are seen there.

An encoder that gives vectors of a picture's cells in the space of its texts (as in MaskCLIP, Zhou et al., "Extract Free
Dense Labels from CLIP", 2022) says of each cell how near it is to the phrase. Cells differ in how near they are to any
text, so the nearness is told in standard deviations over what `EVERYDAY` things have in the same cell (`fit`). The
place is where that is highest, with the cells around it that come close; how far it stands above the rest of the
picture is its `margin`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ops.core.identity import digest, text_id
from ops.core.sorted_keys import places, sorted_keys
from ops.vision.colours import COLOURS, Shares, connected, shares_of


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


EVERYDAY = _words(
    "person face hand dog cat bird horse fish insect tree flower grass leaf water sky cloud mountain sand snow "
    "rock road building house window door wall floor roof fence bridge stairs car bus truck train boat airplane "
    "bicycle wheel sign light pole chair table bed sofa shelf curtain carpet lamp cup plate bottle bowl knife "
    "fruit vegetable bread cake meat drink shirt trousers shoe hat bag umbrella book paper pen computer phone "
    "screen keyboard camera clock toy ball box bucket tool machine rope flag statue"
)
_NEAR_PEAK = 0.75  # of the way from the picture's mean to its best cell, above which cells belong to the place
_MAY_BE = 0.5  # of that way, above which the thing may be there too
_LEAST_SPREAD = 0.5  # of the picture's mean one
_PICTURE_PX = 112  # side, about, at which the colours of cells are looked at


@dataclass(frozen=True, slots=True)
class Phrase:
    """A named thing that is to be found in a picture."""

    image_id: str
    thing: str

    @property
    def text(self) -> str:
        """What the encoder is given."""
        return naming(self.thing)

    @property
    def key(self) -> str:
        """Its place in the `regions` table."""
        return digest("region", self.image_id, text_id(self.text))


@dataclass(frozen=True, slots=True)
class Region:
    """The place of a phrase: left, top, right and bottom as shares of the sides; the cosine of its best cell; `fit` and
    `margin` in standard deviations, as the module says; the colours `inside`, and those of all places where the thing
    `may_be`: the box with a rim of one cell, and whatever other cells are halfway as good as the best."""

    box: tuple[float, float, float, float]
    similarity: float
    fit: float
    margin: float
    inside: Shares
    may_be: Shares


@dataclass(frozen=True, slots=True)
class RegionTable:
    """`keys` (n, sorted, fixed-width bytes), their `boxes` (n, 4), `figures` (n, 3: similarity, fit, margin) and the
    `shares` of colours (n, 4, len(COLOURS); uint16). Plain arrays, which Ray shares between a machine's workers."""

    keys: np.ndarray
    boxes: np.ndarray
    figures: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(
        cls,
        keys: Sequence[str],
        boxes: Sequence[Sequence[float]],
        figures: Sequence[Sequence[float]],
        colours: Sequence[bytes],
    ) -> "RegionTable":
        """From keys in any order, each at most once; the colours as `found_regions` gives them."""
        names, order = sorted_keys(keys)
        shares = np.frombuffer(b"".join(colours), "<u2").reshape(len(names), 4, len(COLOURS))
        sides, figure_rows = np.array(boxes, np.float32).reshape(-1, 4), np.array(figures, np.float32).reshape(-1, 3)
        return cls(names, sides[order], figure_rows[order], shares[order])

    def get(self, phrase: Phrase) -> Region | None:
        """Where the phrase is, or None where nobody looked or nothing could be told."""
        at = int(places(self.keys, [phrase.key])[0])
        if at < 0:
            return None
        left, top, right, bottom = self.boxes[at].tolist()
        shares = self.shares[at].astype(np.float64) / 65535
        figures = self.figures[at].tolist()
        return Region((left, top, right, bottom), *figures, inside=Shares(*shares[:2]), may_be=Shares(*shares[2:]))


NO_REGIONS = RegionTable.of([], [], [], [])


@dataclass(frozen=True, slots=True)
class StoredRegion:
    """A `Region` as it is stored."""

    box: tuple[float, float, float, float]
    similarity: float
    fit: float
    margin: float
    colours: bytes


def naming(thing: str) -> str:
    """The text whose place is looked for: the thing without its colour, which may be the false part of a claim."""
    return f"A photo of {thing}." if thing.endswith("s") else f"A photo of a {thing}."


def found_regions(
    picture: Image.Image, cells: np.ndarray, phrases: np.ndarray, everyday: np.ndarray
) -> list[StoredRegion]:
    """Where the phrases are in an RGB picture, from the unit vectors of its cells (rows, columns, d), of the phrases
    (n, d) and of the `EVERYDAY` things (m, d). The cells tile the whole picture."""
    rows, columns = cells.shape[:2]
    usual = _smoothed(cells @ everyday.T)
    mean, spread = usual.mean(axis=2), usual.std(axis=2)
    # A cell that all everyday things fit alike must not make any difference a large one.
    spread = np.maximum(spread, max(_LEAST_SPREAD * float(spread.mean()), 1e-6))
    scale = -(-_PICTURE_PX // max(rows, columns))
    rgb = np.asarray(picture.resize((columns * scale, rows * scale), Image.Resampling.BOX))
    nearness = _smoothed(cells @ phrases.T)
    return [_located(rgb, nearness[..., n], (nearness[..., n] - mean) / spread) for n in range(len(phrases))]


def _located(rgb: np.ndarray, nearness: np.ndarray, fit: np.ndarray) -> StoredRegion:
    rows, columns = fit.shape
    best = np.unravel_index(int(np.argmax(fit)), fit.shape)
    peak, mean = float(fit[best]), float(fit.mean())
    labels = connected(fit >= mean + _NEAR_PEAK * (peak - mean))
    place = labels == labels[best]
    down, across = np.flatnonzero(place.any(axis=1)), np.flatnonzero(place.any(axis=0))
    top, bottom, left, right = int(down[0]), int(down[-1]) + 1, int(across[0]), int(across[-1]) + 1
    inside = np.zeros_like(place)
    inside[top:bottom, left:right] = True
    may_be = fit >= mean + _MAY_BE * (peak - mean)
    may_be[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = True
    rest = fit[~inside]
    return StoredRegion(
        box=(left / columns, top / rows, right / columns, bottom / rows),
        similarity=float(nearness[best]),
        fit=peak,
        margin=peak - float(rest.mean()) if rest.size else 0.0,
        colours=_colours(rgb, inside) + _colours(rgb, may_be),
    )


def _colours(rgb: np.ndarray, cells: np.ndarray) -> bytes:
    scale = rgb.shape[0] // cells.shape[0]
    return shares_of(rgb, np.kron(cells, np.ones((scale, scale), bool)))


def _smoothed(maps: np.ndarray) -> np.ndarray:
    """Maps (rows, columns, n) averaged over about a fifth of the side: single cells are noisy."""
    reach = max(maps.shape[:2]) // 10
    if not reach:
        return maps
    padded = np.pad(maps, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))
    return windows.mean(axis=(-2, -1))
