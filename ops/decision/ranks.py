"""Ranks among all rows of values that lie in many shares: each distinct value is counted once a share, values of one
range meet in one task, and each share is told where its own stand. Counts alone decide, so that the ranks are those of
all values sorted, bit for bit, however the shares were cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from ops.core.arrow import numpy_values
from ops.core.tasks import Handle, Tasks

Scale = tuple[str, bool]
"""What is ranked: a column of the rows, among all of them or (True) among prompts."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Distinct values in their order (n), and how many rows have each (n)."""

    values: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True, slots=True)
class Placed:
    """Of a share's distinct values in a range: how many rows of any share in that range lie below each (n), and how
    many have it (n)."""

    below: np.ndarray
    counts: np.ndarray


Tallies = Mapping[Scale, Tally]
_SAMPLES = 64
MOST_RANGES = 128


def tally(rows: pa.Table, scales: Sequence[Scale]) -> dict[Scale, Tally]:
    """The finite values of the columns, counted."""
    return {scale: Tally(*np.unique(_finite(rows, scale), return_counts=True)) for scale in scales}


def values_of(rows: pa.Table, scale: Scale) -> np.ndarray:
    """The values of the column (n, float64), NaN where they do not count."""
    name, of_prompts = scale
    if of_prompts and name not in rows.column_names:  # a share without prompts
        return np.full(rows.num_rows, np.nan)
    values = numpy_values(rows[name])
    return np.where(numpy_values(rows["kind"]) == "prompt", values, np.nan) if of_prompts else values


def _finite(rows: pa.Table, scale: Scale) -> np.ndarray:
    values = values_of(rows, scale)
    return values[np.isfinite(values)]


def placed(
    tasks: Tasks, tallies: Sequence[Handle], scales: Sequence[Scale]
) -> tuple[list[list[Handle]], list[Mapping[Scale, int]]]:
    """For each share the handles of its places, a range each, and of each range how many rows it has by scale."""
    edges = _edges(tasks, tallies, scales)
    count = len(next(iter(edges.values()), ())) + 1
    pieces = [tasks.parts(count, cut, own, edges) for own in tallies]
    ranges = [tasks.parts(len(tallies) + 1, place, *[of[at] for of in pieces]) for at in range(count)]
    totals = list(tasks.values([own[0] for own in ranges]))
    return [[own[1 + share] for own in ranges] for share in range(len(tallies))], totals


def _edges(tasks: Tasks, tallies: Sequence[Handle], scales: Sequence[Scale]) -> dict[Scale, np.ndarray]:
    """Values that cut each scale into ranges of about the same number of distinct values."""
    if len(tallies) == 1:
        return {scale: np.zeros(0) for scale in scales}
    sampled = list(tasks.values([tasks.call(sample, own) for own in tallies]))
    steps = np.arange(1, min(len(tallies), MOST_RANGES)) / min(len(tallies), MOST_RANGES)
    edges: dict[Scale, np.ndarray] = {}
    for scale in scales:
        values = np.sort(np.concatenate([own[scale] for own in sampled]))
        edges[scale] = values[(steps * len(values)).astype(np.int64)] if len(values) else np.zeros(len(steps))
    return edges


def sample(tallies: Tallies) -> dict[Scale, np.ndarray]:
    """Some of the distinct values, evenly spaced."""
    return {
        scale: own.values[np.linspace(0, len(own.values) - 1, min(len(own.values), _SAMPLES)).astype(np.int64)]
        for scale, own in tallies.items()
    }


def cut(tallies: Tallies, edges: Mapping[Scale, np.ndarray]) -> list[dict[Scale, Tally]]:
    """The tallies by ranges between the edges (of each scale as many)."""
    pieces: list[dict[Scale, Tally]] = [{} for _ in range(len(next(iter(edges.values()), ())) + 1)]
    for scale, own in tallies.items():
        bounds = [0, *np.searchsorted(own.values, edges[scale], "left").tolist(), len(own.values)]
        for piece, (start, stop) in zip(pieces, pairwise(bounds), strict=True):
            piece[scale] = Tally(own.values[start:stop], own.counts[start:stop])
    return pieces


def place(*tallies: Tallies) -> list[dict[Scale, int] | dict[Scale, Placed]]:
    """Of one range: how many rows it has, and for each share where its values stand."""
    totals: dict[Scale, int] = {}
    shares: list[dict[Scale, Placed]] = [{} for _ in tallies]
    for scale in tallies[0]:
        counts = np.concatenate([own[scale].counts for own in tallies])
        _, group = np.unique(np.concatenate([own[scale].values for own in tallies]), return_inverse=True)
        sizes = np.bincount(group, weights=counts).astype(np.int64)  # exact: below 2^53
        below = np.cumsum(sizes) - sizes
        totals[scale] = int(sizes.sum())
        ends = np.cumsum([0, *(len(own[scale].values) for own in tallies)]).tolist()
        for share, (start, stop) in zip(shares, pairwise(ends), strict=True):
            share[scale] = Placed(below[group[start:stop]], sizes[group[start:stop]])
    return [totals, *shares]


def rank_shares(values: np.ndarray, own: Tally, places: Sequence[Placed], totals: Sequence[int]) -> np.ndarray:
    """Mean rank of each value among all rows as a share from 0 to 1 (0.5 where there is but one; ties share their mean
    rank); NaN stays NaN. `places` are those of the share's tally, range by range, `totals` the rows of each range."""
    known = np.flatnonzero(np.isfinite(values))
    shares = np.full(len(values), np.nan)
    count = sum(totals)
    if not len(known):
        return shares
    offsets = np.cumsum([0, *totals[:-1]])
    below = np.concatenate([part.below + offset for part, offset in zip(places, offsets, strict=True)])
    sizes = np.concatenate([part.counts for part in places])
    group = np.searchsorted(own.values, values[known])
    shares[known] = ((below + (sizes - 1) / 2) / max(count - 1, 1))[group] if count > 1 else 0.5
    return shares
