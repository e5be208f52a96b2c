"""A file whose texts may belong to the images k rows on: its rows' vectors, where runs end, how its own pairs fit."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ops.core.vectors import Vectors
from ops.grounding.shift_scan import Run, partners

_SHARD_ROUNDS = 199


# Rows, spread evenly, that the deals of a file's pictures are tried on.
_SHARD_ROWS = 4096


@dataclass(slots=True)
class FileVectors:
    """The examples of one file that have an image, and their vectors at the places of their rows in the file."""

    name: str
    rows: np.ndarray
    """Row number in the file (n, rising)."""
    at: np.ndarray
    """Place in the table of examples (n)."""
    usable: np.ndarray
    """(n, bool): text and image have vectors."""
    texts: np.ndarray
    images: np.ndarray


@dataclass(frozen=True, slots=True)
class Members:
    """Which vectors each row pools: `owners` (rising) and the `places` of their vectors."""

    owners: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, owners: np.ndarray, places: np.ndarray) -> "Members":
        """Of those that are there: an owner or a place of -1 is none."""
        kept = (owners >= 0) & (places >= 0)
        owners, places = owners[kept], places[kept]
        # In a fixed order, because the sum of floating-point numbers depends on theirs.
        order = np.lexsort((places, owners))
        return cls(owners[order], places[order])

    def pooled(self, vectors: Vectors, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the vectors of each owner from `first` on, less the mean of these (count, d), and which have any."""
        part = slice(*np.searchsorted(self.owners, [first, first + count]))
        owners, places = self.owners[part] - first, self.places[part]
        sums = np.zeros((count, vectors.width), dtype=np.float32)
        for start in range(0, len(owners), 65536):
            some = slice(start, start + 65536)
            np.add.at(sums, owners[some], vectors.matrix[places[some]].astype(np.float32))
        members = np.bincount(owners, minlength=count)
        known = members > 0
        sums[known] /= members[known, None]
        if known.any():
            sums[known] -= sums[known].mean(axis=0)
        return sums, known


def assigned(file: FileVectors, runs: list[Run]) -> tuple[list[Run], np.ndarray, np.ndarray]:
    """The runs with their ends told better, and for each row the run it lies in and the place of its right image, -1
    where there is none."""
    of_run = np.full(len(file.rows), -1)
    partner = np.full(len(file.rows), -1)
    moved_runs: list[Run] = []
    for number, longest in enumerate(runs):
        run, rows, left_over = _ring(file, longest)
        moved_runs.append(run)
        inside = np.arange(run.start, run.stop)
        for members, images in ((inside, partners(file.rows, run.shift)[inside]), (rows, left_over)):
            free = of_run[members] < 0
            of_run[members[free]] = number
            partner[members[free]] = images[free]
    return moved_runs, of_run, partner


def _ring(file: FileVectors, run: Run) -> tuple[Run, np.ndarray, np.ndarray]:
    """Rows beside the run whose pictures the run claims, and the pictures of the run that nobody claims, where these
    fit those rows: their gain is at least half of the run's own. The run's ends are moved by a row or two where that
    makes the pictures fit best. Without such rows the run stays and both are empty."""
    right = partners(file.rows, run.shift)
    enough = _gain(file, np.arange(run.start, run.stop), right[run.start : run.stop]) / 2
    best, chosen = -np.inf, (run, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    for start, stop in product(range(run.start - 2, run.start + 3), range(run.stop - 2, run.stop + 3)):
        rows = np.arange(stop, stop + run.shift) if run.shift > 0 else np.arange(start + run.shift, start)
        spare = np.arange(start, start + run.shift) if run.shift > 0 else np.arange(stop + run.shift, stop)
        if min(start, rows.min()) < 0 or max(stop, rows.max() + 1) > len(file.rows):
            continue
        inside, gain = np.arange(start, stop), _gain(file, rows, spare)
        total = gain * len(rows) + _gain(file, inside, right[inside]) * len(inside)
        if gain >= enough and total > best:
            best, chosen = total, (replace(run, start=start, stop=stop), rows, spare)
    return chosen


def _gain(file: FileVectors, rows: np.ndarray, images: np.ndarray) -> float:
    """Mean of what the images (-1 where there is none) score above the rows' own."""
    known = file.usable[rows] & (images >= 0) & file.usable[images]
    rows, images = rows[known], images[known]
    if not len(rows):
        return -np.inf
    return float(np.einsum("nd,nd->n", file.texts[rows], file.images[images] - file.images[rows]).mean())


def shard_p_value(file: FileVectors, *, seed: int) -> float:
    """Share of random deals of the file's pictures that fit its texts as well as the pictures they have."""
    usable = np.flatnonzero(file.usable)
    usable = usable[:: 1 + len(usable) // _SHARD_ROWS]
    texts, images = file.texts[usable], file.images[usable]
    own = float(np.einsum("nd,nd->", texts, images))
    rng = np.random.default_rng(seed)
    dealt = [float(np.einsum("nd,nd->", texts, images[rng.permutation(len(images))])) for _ in range(_SHARD_ROUNDS)]
    return (1 + sum(fit >= own for fit in dealt)) / (1 + _SHARD_ROUNDS)
