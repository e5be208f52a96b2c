"""The n-th of keys that lie in many sorted runs, exactly, by looking at a few keys of each run at a time.

A key is two words, compared one after the other. Each round asks every run for evenly spaced keys of the bracket in
which a wanted key lies; from their places follows a bracket about thirty times as narrow, until all keys of one are
there. What the driver sees is a few thousand keys a round, whatever the number of rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from ops.core.tasks import Handle, Tasks

Key = tuple[Any, Any]
"""Two numpy scalars: of the types of the run's words."""
Label = tuple[Any, ...]
"""Names a series: its keys are counted for themselves."""

_SAMPLES = 4096
"""Keys that a run gives in one round, over all that is wanted."""
_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Run:
    """The keys of a share's rows, sorted by series, first and second word: `spans` says where a series lies, `rows` of
    which row each key is (all n)."""

    spans: Mapping[Label, tuple[int, int]]
    first: np.ndarray
    second: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[Label], series: np.ndarray, first: np.ndarray, second: np.ndarray) -> "Run":
        """From the words of each row (n) and the number of its series (n) among the labels."""
        rows = np.lexsort((second, first, series))
        numbers: np.ndarray = np.arange(len(labels) + 1)
        edges: list[int] = np.searchsorted(series[rows], numbers).tolist()
        spans = {label: (edges[at], edges[at + 1]) for at, label in enumerate(labels) if edges[at] < edges[at + 1]}
        return cls(spans, first[rows], second[rows], rows)

    def sizes(self) -> dict[Label, int]:
        """Rows by series."""
        return {label: stop - start for label, (start, stop) in self.spans.items()}

    def place(self, label: Label, key: Key | None, *, otherwise: int) -> int:
        """Where in the run the keys of the series begin that are not below the key; `otherwise` where it is None."""
        if key is None:
            return otherwise
        start, stop = self.spans[label]
        left = start + _below(self.first[start:stop], key[0], "left")
        right = start + _below(self.first[start:stop], key[0], "right")
        return left + _below(self.second[left:right], key[1], "left")


def _below(values: np.ndarray, word: Any, side: Literal["left", "right"]) -> int:
    return int(cast(Any, np.searchsorted(values, word, side)))


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where a wanted key lies: from `low` on and below `high` (None: open) in the series of that label."""

    label: Label
    low: Key | None = None
    high: Key | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """Of a bracket in one run: the keys below it, those inside, and of these some, at their places among them."""

    below: int
    inside: int
    places: np.ndarray
    first: np.ndarray
    second: np.ndarray


def sample(run: Run, brackets: Sequence[Bracket]) -> list[Sampled | None]:
    """Evenly spaced keys of the run within each bracket; None where the run has nothing of the series."""
    most = max(8, _SAMPLES // max(1, len(brackets)))
    return [_sampled(run, bracket, most) if bracket.label in run.spans else None for bracket in brackets]


def _sampled(run: Run, bracket: Bracket, most: int) -> Sampled:
    start, stop = run.spans[bracket.label]
    low = run.place(bracket.label, bracket.low, otherwise=start)
    high = max(low, run.place(bracket.label, bracket.high, otherwise=stop))
    inside = high - low
    count = min(inside, most)
    places: np.ndarray = np.arange(count) * inside // max(count, 1)
    return Sampled(low - start, inside, places, run.first[low + places], run.second[low + places])


def nth(tasks: Tasks, runs: Sequence[Handle], wanted: Sequence[tuple[Label, int]]) -> list[Key | None]:
    """For each (series, n) the key that n keys of the series precede, over all runs; None where there are no more than
    n. Keys are hashes in their second word: that a few are equal does no harm, of thousands the search has no end."""
    brackets = [Bracket(label) for label, _ in wanted]
    keys: list[Key | None] = [None] * len(wanted)
    waiting = list(range(len(wanted)))
    for _ in range(_ROUNDS):
        if not waiting:
            return keys
        asked = [brackets[at] for at in waiting]
        sampled: list[list[Sampled]] = [[] for _ in waiting]
        for answers in tasks.values([tasks.call(sample, run, asked) for run in runs]):
            for own, answer in zip(sampled, answers, strict=True):
                own.extend([] if answer is None else [answer])
        left: list[int] = []
        for at, own in zip(waiting, sampled, strict=True):
            narrowed = _narrowed(brackets[at], max(0, wanted[at][1]), own)
            if isinstance(narrowed, Bracket):
                brackets[at] = narrowed
                left.append(at)
            else:
                keys[at] = narrowed
        waiting = left
    raise RuntimeError(f"{len(waiting)} keys were not found in {_ROUNDS} rounds: too many are equal")


def _narrowed(bracket: Bracket, index: int, sampled: Sequence[Sampled]) -> Bracket | Key | None:
    """The key where all of the bracket are there, else a narrower bracket; None where there are not so many."""
    index -= sum(one.below for one in sampled)
    inside = sum(one.inside for one in sampled)
    if index >= inside:
        return None
    first = np.concatenate([one.first for one in sampled])
    second = np.concatenate([one.second for one in sampled])
    order = np.lexsort((second, first))
    if len(order) == inside:
        return first[order[index]], second[order[index]]
    first, second = first[order], second[order]
    low, high = _bounds(first, second, order, index, sampled)
    return Bracket(
        bracket.label,
        bracket.low if low is None else (first[low], second[low]),
        bracket.high if high is None else (first[high], second[high]),
    )


def _bounds(
    first: np.ndarray, second: np.ndarray, order: np.ndarray, index: int, sampled: Sequence[Sampled]
) -> tuple[int | None, int | None]:
    """Of the sampled keys, sorted, the last that no more than `index` keys precede, and the first that more do, as far
    as their places tell; `order` sorted them."""
    # Keys as numbers in their order, equal ones alike.
    number: np.ndarray = np.cumsum(np.r_[False, (first[1:] != first[:-1]) | (second[1:] != second[:-1])])
    of_run = np.split(number[np.argsort(order, kind="stable")], np.cumsum([len(one.places) for one in sampled])[:-1])
    distinct: np.ndarray = np.arange(int(number[-1]) + 1)
    least, most = np.zeros(len(distinct), np.int64), np.zeros(len(distinct), np.int64)
    for sample, own in zip(sampled, of_run, strict=True):
        # Of each run: at least so many keys precede the sampled one, and no more than so many.
        smaller: np.ndarray = np.searchsorted(own, distinct, "left")
        least += np.r_[0, sample.places + 1][smaller]
        most += np.r_[sample.places, sample.inside][smaller]
    starts: np.ndarray = np.searchsorted(number, distinct)
    below, above = np.flatnonzero(most <= index), np.flatnonzero(least > index)
    return int(starts[below[-1]]) if len(below) else None, int(starts[above[0]]) if len(above) else None
