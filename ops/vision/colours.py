"""Which colours a picture shows, in the words that people use, and whether it shows one thing on a plain ground.

People draw the borders between colours differently, and light tints everything, so each name stands for two sets of
pixels: those that nearly everyone calls so (sure), and those that someone might (possible). A claim is supported by the
narrow set and contradicted only where even the wide one is empty. The borders are ranges of lightness, chroma and hue
in CIELAB (D65), set by hand around the eleven basic colour terms (Berlin and Kay, "Basic Color Terms", 1969), teal and
beige.

The facts of a picture are `FACT_BYTES` bytes, made once where ingest decodes it: `FLAGS`, then the shares of its
pixels, and of its subject's, that are possibly and surely of each colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ops.core.sorted_keys import places, sorted_keys

#: Longer side to which a picture is shrunk before its pixels are named.
SIDE_PX = 64

# Name: (lightness, chroma, hue in degrees) of what is surely and of what is possibly called so; a hue range whose end
# is below its start goes round through 0.
_Range = tuple[float, float]
_Region = tuple[_Range, _Range, _Range]
_ALL: _Range = (0, 360)
_NAMES: dict[str, tuple[_Region, _Region]] = {
    "black": (((0, 20), (0, 20), _ALL), ((0, 45), (0, 35), _ALL)),
    "white": (((85, 100), (0, 10), _ALL), ((50, 100), (0, 28), _ALL)),
    "grey": (((30, 80), (0, 8), _ALL), ((12, 93), (0, 20), _ALL)),
    "red": (((25, 65), (60, 200), (18, 48)), ((8, 75), (20, 200), (355, 58))),
    "orange": (((50, 100), (50, 200), (50, 78)), ((35, 100), (28, 200), (38, 90))),
    "yellow": (((65, 100), (45, 200), (80, 110)), ((40, 100), (18, 200), (68, 118))),
    "green": (((20, 100), (25, 200), (115, 170)), ((5, 100), (8, 200), (95, 200))),
    "teal": (((20, 100), (18, 200), (175, 215)), ((10, 100), (7, 200), (155, 245))),
    "blue": (((10, 100), (25, 200), (235, 312)), ((2, 100), (6, 200), (200, 320))),
    "purple": (((10, 100), (25, 200), (314, 335)), ((2, 100), (8, 200), (290, 358))),
    "pink": (((60, 100), (15, 200), (340, 25)), ((40, 100), (8, 200), (315, 50))),
    "brown": (((15, 50), (12, 60), (28, 80)), ((5, 68), (4, 70), (20, 95))),
    "beige": (((65, 95), (8, 35), (60, 100)), ((50, 100), (3, 45), (40, 110))),
}
COLOURS = tuple(_NAMES)
#: Words for the same colours, or for several of them; a picture fits the word where it fits any.
WORDS: dict[str, tuple[str, ...]] = {name: (name,) for name in COLOURS} | {
    "gray": ("grey",),
    "violet": ("purple",),
    "magenta": ("purple", "pink", "red"),
    "cyan": ("teal", "blue"),
    "turquoise": ("teal", "blue", "green"),
    "navy": ("blue", "black"),
    "maroon": ("red", "brown", "purple"),
    "tan": ("beige", "brown"),
    "golden": ("yellow", "orange", "brown", "beige"),
    "gold": ("yellow", "orange", "brown", "beige"),
    "silver": ("grey", "white"),
}

_BITS = 5  # bits of each channel that the table of names looks at
#: is_plain, parts (255 and more as 255), then left, top, right, bottom of the subject as 1/255 of the sides.
FLAGS = 6
FACT_BYTES = FLAGS + 2 * 4 * len(COLOURS)
_PLAIN_BORDER = 0.9  # share of the border that must be of one colour
_NEAR, _FAR = 24.0, 40.0  # distances in RGB within which a pixel is ground, and from which it is not
_PART_SHARE = 0.003  # of the picture, below which a spot is no part


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of a region's pixels that are possibly and surely of each colour, both (len(COLOURS),)."""

    possible: np.ndarray
    sure: np.ndarray

    def of(self, word: str) -> tuple[float, float]:
        """Possible and sure share of a word of `WORDS`."""
        at = [COLOURS.index(name) for name in WORDS[word]]
        return float(self.possible[at].max()), float(min(1.0, self.sure[at].sum()))

    def words(self) -> str:
        """The colours that a tenth of the region surely has, most of it first."""
        order = np.argsort(-self.sure, kind="stable")
        return ", ".join(f"{COLOURS[at]} {self.sure[at]:.0%}" for at in order if self.sure[at] >= 0.1)


@dataclass(frozen=True, slots=True)
class PictureColours:
    """What is known of one picture. `parts` counts the spots that stand out from a plain ground (0 where the ground is
    not plain); `box` is left, top, right and bottom of all of them, as shares of the sides."""

    is_plain: bool
    parts: int
    box: tuple[float, float, float, float]
    whole: Shares
    subject: Shares

    @property
    def has_one_subject(self) -> bool:
        """One thing on a plain ground."""
        return self.is_plain and self.parts == 1


@dataclass(frozen=True, slots=True)
class ColourTable:
    """`ids` (n, sorted, fixed-width bytes) and the facts (n, FACT_BYTES; uint8) of the pictures they name. Plain
    arrays, which Ray shares between the workers of a machine."""

    ids: np.ndarray
    facts: np.ndarray

    @classmethod
    def of(cls, ids: Sequence[str], facts: Sequence[bytes]) -> "ColourTable":
        """From ids in any order, each at most once."""
        keys, order = sorted_keys(ids)
        return cls(keys, np.frombuffer(b"".join(facts), np.uint8).reshape(-1, FACT_BYTES)[order])

    def get(self, image_id: str) -> PictureColours | None:
        """What is known of the picture, or None."""
        at = int(places(self.ids, [image_id])[0])
        return read_facts(self.facts[at]) if at >= 0 else None


NO_COLOURS = ColourTable.of([], [])


def picture_facts(rgb: np.ndarray) -> bytes:
    """The facts of a picture (h, w, 3; uint8, at most a few thousand pixels)."""
    kinds = _kinds(rgb)
    subject, parts = _subject(rgb)
    flags = np.zeros(FLAGS, np.uint8)
    flags[0], flags[1] = parts is not None, min(parts or 0, 255)
    inner = np.zeros(0, np.int64)
    if parts:
        flags[2:] = _box(subject)
        inner = kinds[_inside(subject)]
    return flags.tobytes() + np.concatenate([_shares(kinds.ravel()), _shares(inner)]).astype("<u2").tobytes()


def read_facts(facts: np.ndarray) -> PictureColours:
    """What `picture_facts` wrote, from its bytes (FACT_BYTES; uint8)."""
    shares = np.frombuffer(facts[FLAGS:].tobytes(), "<u2").astype(np.float64).reshape(4, -1) / 65535
    left, top, right, bottom = (float(value) / 255 for value in facts[2:FLAGS])
    box = (left, top, right, bottom)
    return PictureColours(bool(facts[0]), int(facts[1]), box, Shares(*shares[:2]), Shares(*shares[2:]))


def shares_of(rgb: np.ndarray, mask: np.ndarray) -> bytes:
    """The colours of the pixels of a picture (h, w, 3; uint8) under a mask (h, w; bool): the shares that are possibly,
    then surely, of each; 2 * len(COLOURS) of little-endian uint16, in 1/65535."""
    return _shares(_kinds(rgb)[mask]).astype("<u2").tobytes()


def _shares(kinds: np.ndarray) -> np.ndarray:
    """(2 * len(COLOURS),) shares of the pixels (n, by kind) that are possibly, then surely, of each colour; 1/65535."""
    names = _table()[1]
    return np.rint(np.bincount(kinds, minlength=len(names)) @ names / max(1, len(kinds)) * 65535)


def _kinds(rgb: np.ndarray) -> np.ndarray:
    """(h, w): the kind of each pixel: which colours it possibly and surely is of."""
    coarse = (rgb >> (8 - _BITS)).astype(np.int64)
    return _table()[0][(coarse[..., 0] << 2 * _BITS) | (coarse[..., 1] << _BITS) | coarse[..., 2]]


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """The kind of every coarse colour, and of each kind (2 * len(COLOURS), 0 or 1) what it possibly and surely is."""
    levels = (np.arange(1 << _BITS) + 0.5) * (1 << (8 - _BITS))
    lightness, chroma, hue = _lightness_chroma_hue(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1))

    def within(region: _Region) -> np.ndarray:
        (dark, light), (dull, vivid), (start, end) = region
        turned = (hue - start) % 360 <= (end - start) % 360 if (start, end) != _ALL else np.ones_like(hue, bool)
        return (lightness >= dark) & (lightness <= light) & (chroma >= dull) & (chroma <= vivid) & turned

    sure = [within(region) for region, _ in _NAMES.values()]
    possible = [within(region) for _, region in _NAMES.values()]
    names = np.stack([*possible, *sure], -1).reshape(-1, 2 * len(COLOURS)).astype(np.float64)
    kinds, kind = np.unique(names, axis=0, return_inverse=True)
    return kind.ravel(), kinds


def _lightness_chroma_hue(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CIELAB under D65 in polar form, of sRGB values in 0..255 (..., 3)."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    a, b = 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
    return 116 * f[..., 1] - 16, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _subject(rgb: np.ndarray) -> tuple[np.ndarray, int | None]:
    """What stands out from the ground (h, w; bool), and in how many parts; None where the ground is not plain."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).astype(np.float32)
    ground = np.median(border, axis=0)
    if (np.linalg.norm(border - ground, axis=1) <= _NEAR).mean() < _PLAIN_BORDER:
        return np.zeros(rgb.shape[:2], bool), None
    away = np.linalg.norm(rgb - ground, axis=2) > _FAR
    if not away.any():
        return away, 0
    rows, columns = np.flatnonzero(away.any(axis=1)), np.flatnonzero(away.any(axis=0))
    around = away[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    labels = connected(around)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = sizes >= max(2, _PART_SHARE * away.size)
    around &= large[labels]
    return away, int(large.sum())


def connected(mask: np.ndarray) -> np.ndarray:
    """A number for each set of pixels that touch, by side or corner; 0 outside the mask."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        before = labels
        padded = np.pad(labels, 1)
        rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
        labels = np.where(mask, np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]), 0)
        # A label is the place of a pixel of the same set: taking that pixel's label doubles the reach of each round.
        labels = np.where(mask, labels.ravel()[np.maximum(labels, 1) - 1], 0)
        if (labels == before).all():
            return labels


def _inside(mask: np.ndarray) -> np.ndarray:
    """The mask without its rim, whose pixels mix two colours; the mask itself where little would remain."""
    padded = np.pad(mask, 1)
    inner = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inner if 4 * inner.sum() >= mask.sum() else mask


def _box(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    edges = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return [round(255 * edge) for edge in edges]
