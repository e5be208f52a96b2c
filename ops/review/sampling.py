"""Stratified samples of examples to be labelled: every verdict and every part of a measure's range is in them, and each
example's weight says for how many it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.identity import digest

DECILES = 10
_UNMEASURED = "none"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows that were drawn (places, ascending), the stratum of each, and how many rows that stratum has."""

    rows: np.ndarray
    strata: tuple[str, ...]
    of: np.ndarray
    drawn: np.ndarray
    """How many rows were drawn of the stratum of each."""

    @property
    def weights(self) -> np.ndarray:
        """For how many rows each stands: the inverse of the probability with which it was drawn."""
        return self.of / self.drawn


def strata_of(actions: Sequence[str], values: np.ndarray) -> list[str]:
    """The stratum of each row: its verdict and the decile, within that verdict, of its value (NaN: of none). Equal
    values are of one decile."""
    names = np.array(actions, dtype=object)
    deciles = np.full(len(names), _UNMEASURED, dtype=object)
    for action in sorted(set(actions)):
        own = np.flatnonzero((names == action) & np.isfinite(values))
        if len(own):
            ordered = np.sort(values[own])
            below = np.searchsorted(ordered, values[own], side="left")
            deciles[own] = [str(decile) for decile in below * DECILES // len(own)]
    return [f"{action}/{decile}" for action, decile in zip(names, deciles, strict=True)]


def draw(ids: Sequence[str], strata: Sequence[str], rows: int, *, seed: int) -> Drawn:
    """So many rows, as evenly over the strata as their sizes allow, and at least one of each. The same ids and seed
    give the same rows, in whatever order they come."""
    names, of = np.unique(np.array(strata, dtype=str), return_inverse=True)
    sizes = np.bincount(of, minlength=len(names))
    wanted = allotted(sizes, rows)
    keys = np.array([digest("sample", str(seed), example) for example in ids])
    chosen: list[int] = []
    for stratum in range(len(names)):
        own = np.flatnonzero(of == stratum)
        chosen += own[np.argsort(keys[own])[: wanted[stratum]]].tolist()
    places = np.sort(np.array(chosen, dtype=np.int64))
    at = of[places]
    return Drawn(places, tuple(names[at].tolist()), sizes[at], wanted[at])


def allotted(sizes: np.ndarray, rows: int) -> np.ndarray:
    """How many rows each stratum gives, of `rows` in all: one each first, then the least the next one, while it has
    any. More than `rows` where there are more strata, fewer where there are fewer rows."""
    given = np.minimum(sizes, 1)
    while given.sum() < min(rows, sizes.sum()):
        open_strata = np.flatnonzero(given < sizes)
        least = open_strata[given[open_strata] == given[open_strata].min()]
        given[least[: rows - given.sum()]] += 1
    return given
