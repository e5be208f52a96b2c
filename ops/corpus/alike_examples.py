"""Of examples that lie near each other: which are alike, which are the same indeed, and which of those stays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pyarrow as pa

from ops.core.arrow import rows_of
from ops.core.arrow_types import fields
from ops.core.vectors import unit
from ops.corpus.pictures import pixels
from ops.corpus.redundant_pairs import RANKS
from ops.corpus.staying import Rank, rank_of, redundant
from ops.text.likeness import bits_apart, same_order, text_cosines
from ops.text.shingles import jaccard, shingles
from ops.vision.image_groups import colour_apart

_SHINGLE = 3  # words, as near duplicates have them
_DIGITS = 6
_FIGURES = pa.schema(
    [
        *((name, pa.float64()) for name in ("image_cosine", "text_cosine")),
        ("hash_bits", pa.int32()),
        ("jaccard", pa.float64()),
    ]
)
_NAMES = pa.schema([(name, pa.string()) for name in ("delivery", "example_id", "other_delivery", "other_id")])
ALIKE = pa.schema([*fields(RANKS), *fields(_FIGURES)])
"""Two examples that are alike, and how much."""
PAIRS = pa.schema([*fields(_NAMES), *fields(_FIGURES)])
"""A redundant example, the one that stays, and how alike they are."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """From what cosines pictures and texts are alike, and what verifies it: the most bits of 64 and the largest share
    of the pixels by which the pictures may differ."""

    image: float
    text: float
    bits: int
    colour: float
    most: int
    """Members of a group that are compared with each other."""


class _Picture(TypedDict):
    """A picture of a member, its vector (float16), and what its pixels are known by."""

    image_id: str
    vector: bytes
    hash: str | None
    colours: bytes | None


class _Piece(TypedDict):
    """A piece of the text of a slot, and its vector (float16)."""

    slot: int
    vector: bytes


class _Member(TypedDict):
    """COMPARED with the vectors of its pictures and pieces."""

    delivery: str
    example_id: str
    arrival: int
    repairs: int
    sideways: bool
    texts: list[str]
    picture_vectors: list[_Picture]
    piece_vectors: list[_Piece] | None


class _AlikePair(TypedDict):
    """ALIKE, the ranks of both left out."""

    image_cosine: float
    text_cosine: float
    hash_bits: int
    jaccard: float


@dataclass(frozen=True, slots=True)
class _Alike:
    """Places of two rows of a group, the redundant one first, and the least of their pictures' and texts' cosines."""

    row: int
    other: int
    image_cosine: float
    text_cosine: float


def alike_examples(group: pa.Table, *, cuts: Cuts) -> pa.Table:
    """Of a group that may be alike (COMPARED with the vectors of its pictures and pieces): each two that are, with the
    redundant one first (ALIKE)."""
    rows = sorted(rows_of(group, _Member), key=rank_of)
    alike: list[tuple[object, ...]] = []
    for pair in _alike(rows, cuts):
        row, other = rows[pair.row], rows[pair.other]
        bits = _verified(row, other, cuts)
        if bits is not None:
            shared = jaccard(*(shingles("\n".join(example["texts"]), _SHINGLE) for example in (row, other)))
            alike.append((*rank_of(row), *rank_of(other), pair.image_cosine, pair.text_cosine, bits, shared))
    return pa.Table.from_pylist([dict(zip(ALIKE.names, pair, strict=True)) for pair in alike], schema=ALIKE)


def redundant_examples(alike: pa.Table) -> pa.Table:
    """Of alike pairs (ALIKE): each redundant example with the staying one that it is most like (PAIRS)."""
    nearest: dict[Rank, list[tuple[float, float, float, int, float, Rank]]] = {}
    for pair in rows_of(alike, _AlikePair):
        image, text = pair["image_cosine"], pair["text_cosine"]
        figures = (-min(image, text), -image, -text, pair["hash_bits"], pair["jaccard"])
        nearest.setdefault(rank_of(pair), []).append((*figures, rank_of(pair, "other_")))
    pairs = [
        (rank[3], rank[2], staying[3], staying[2], -image, -text, bits, shared)
        for rank, (_, image, text, bits, shared, staying) in redundant(nearest).items()
    ]
    return pa.Table.from_pylist([dict(zip(PAIRS.names, pair, strict=True)) for pair in pairs], schema=PAIRS)


def _alike(rows: list[_Member], cuts: Cuts) -> Iterator[_Alike]:
    """The pairs whose pictures and texts are alike by their vectors."""
    pictures = unit(_vectors([part for row in rows for part in row["picture_vectors"]]))
    pictures = pictures.reshape(len(rows), -1, pictures.shape[1]).transpose(1, 0, 2)
    least: np.ndarray = np.min(np.array([at @ at.T for at in pictures]), axis=0)
    image = np.round(least, _DIGITS)
    candidates = np.tril(image >= cuts.image, -1)
    members = np.flatnonzero(candidates.any(axis=0) | candidates.any(axis=1))
    if not len(members):
        return
    text = _text_cosines([rows[at] for at in members], len(rows[0]["texts"]))
    chosen = candidates[np.ix_(members, members)] & (text >= cuts.text)
    for first, second in np.argwhere(chosen).tolist():
        row, other = int(members[first]), int(members[second])
        yield _Alike(row, other, float(image[row, other]), float(text[first, second]))


def _text_cosines(rows: Sequence[_Member], slots: int) -> np.ndarray:
    """The least of the cosines (n, n) of the texts that two rows have in the same slots; 1 where they have none."""
    least = np.ones((len(rows), len(rows)))
    for slot in range(slots):
        parts = [[part for part in row["piece_vectors"] or () if part["slot"] == slot] for row in rows]
        if parts[0]:
            vectors = unit(_vectors([part for own in parts for part in own]))
            counts = [len(own) for own in parts]
            least = np.minimum(least, np.round(text_cosines(vectors, counts, vectors, counts), _DIGITS))
    return least


def _vectors(parts: Sequence[_Picture | _Piece]) -> np.ndarray:
    stored = [np.frombuffer(part["vector"], "<f2") for part in parts]
    return np.stack(stored).astype(np.float64)


def _verified(row: _Member, other: _Member, cuts: Cuts) -> int | None:
    """Bits by which the pictures differ at most, 0 for the same bytes; None where a picture or the order of words in a
    text says that the two are not the same."""
    most_bits = 0
    for picture, rival in zip(row["picture_vectors"], other["picture_vectors"], strict=True):
        if picture["image_id"] == rival["image_id"]:
            continue
        own, theirs = pixels(picture["hash"], picture["colours"]), pixels(rival["hash"], rival["colours"])
        if own is None or theirs is None:
            return None
        most_bits = max(most_bits, bits_apart(own[0], theirs[0], turned=not row["sideways"]))
        if most_bits > cuts.bits or colour_apart(own[1], theirs[1]) > cuts.colour:
            return None
    is_same = all(same_order(*texts) for texts in zip(row["texts"], other["texts"], strict=True))
    return most_bits if is_same else None
