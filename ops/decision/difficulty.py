"""Difficulty: measures of different units made one figure an example, by their ranks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import AnyArray, Column, fill_null, index_in, numpy_values
from ops.core.tasks import Handle, Tasks
from ops.decision.ranks import Placed, Scale, Tallies, placed, rank_shares, tally, values_of


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each measure, named `audit.column`, weighs: in the difficulty of all, and in that of prompts of RL."""

    of_all: Mapping[str, float]
    of_prompts: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        """The measures that are weighed."""
        return sorted({name for name, _ in self.scales})

    @property
    def scales(self) -> list[Scale]:
        """What is ranked."""
        weighed = ((self.of_all, False), (self.of_prompts, True))
        return [(name, among) for weights, among in weighed for name in sorted(weights) if weights[name]]


@dataclass(frozen=True, slots=True)
class Component:
    """Values of one measure: `ids` (n) of the examples and `values` (n, float64), any number of rows an example."""

    ids: Column
    values: np.ndarray


def graded(tasks: Tasks, shares: Sequence[Handle], weights: Weights) -> list[Handle]:
    """Difficulty of each row of each share (a handle a share; n, float64, 0 to 1; NaN where no component is known).

    A share is a table with `kind` and a column of float64 for each measure that is weighed, one value a row, NaN where
    it is unknown. Each value is replaced by its rank among the rows of all shares, as a share (ties share their mean
    rank); the figure is the mean of these by weight, over the components that are known. A weight below 0 turns its
    ranks round. A prompt of which a component of its own is known is graded by these, among prompts.
    """
    scales = weights.scales
    tallies = [tasks.call(tally, rows, scales) for rows in shares]
    places, totals = placed(tasks, tallies, scales)
    return [
        tasks.call(_grade, weights, totals, rows, own, *ranges)
        for rows, own, ranges in zip(shares, tallies, places, strict=True)
    ]


def _grade(
    weights: Weights,
    totals: Sequence[Mapping[Scale, int]],
    rows: pa.Table,
    tallies: Tallies,
    *places: Mapping[Scale, Placed],
) -> np.ndarray:
    def ranked(scale: Scale) -> np.ndarray:
        ranges, counts = [own[scale] for own in places], [own[scale] for own in totals]
        return rank_shares(values_of(rows, scale), tallies[scale], ranges, counts)

    grades = _mean({name: ranked((name, False)) for name in weights.of_all if weights.of_all[name]}, weights.of_all)
    own = {name: ranked((name, True)) for name in weights.of_prompts if weights.of_prompts[name]}
    of_prompts = _mean(own, weights.of_prompts) if own else np.full(rows.num_rows, np.nan)
    grades = grades if len(grades) else np.full(rows.num_rows, np.nan)
    return np.where(np.isfinite(of_prompts), of_prompts, grades)


def _mean(shares: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Mean of the ranks by weight over those that are known (n), NaN where none is; empty where nothing is weighed."""
    count = len(next(iter(shares.values()), ()))
    total, weighed = np.zeros(count), np.zeros(count)
    for name in sorted(shares):
        known = np.isfinite(shares[name])
        total += abs(weights[name]) * np.where(known, shares[name] if weights[name] > 0 else 1 - shares[name], 0.0)
        weighed += abs(weights[name]) * known
    return np.divide(total, weighed, out=np.full(count, np.nan), where=weighed > 0)


def components(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> dict[str, Component]:
    """Columns of an audit's measures as components, which share their ids."""
    rows = [pa.Table.from_batches([batch]).select(["example_id", *columns]) for batch in batches]
    if not rows:
        return dict.fromkeys(columns, Component(pa.array([], pa.string()), np.zeros(0)))
    table = pa.concat_tables(rows)
    ids = table["example_id"]
    return {column: Component(ids, numpy_values(table[column].cast(pa.float64()))) for column in columns}


def per_example(ids: AnyArray, component: Component) -> np.ndarray:
    """Mean of each example's finite values (float64; NaN where it has none)."""
    return _means(_places(ids, component), component.values, len(ids))


def _places(ids: AnyArray, component: Component) -> np.ndarray:
    """Place of each of the component's rows among the ids; -1 where it is not there."""
    return numpy_values(fill_null(index_in(component.ids, ids), -1))


def _means(at: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    chosen = (at >= 0) & np.isfinite(values)
    at, values = at[chosen], values[chosen]
    counts = np.bincount(at, minlength=count)
    if (counts <= 1).all():
        means = np.full(count, np.nan)
        means[at] = values
        return means
    # Sorted, because the sum of floating-point numbers depends on their order.
    order = np.lexsort((values, at))
    sums = np.bincount(at[order], weights=values[order], minlength=count)
    return np.divide(sums, counts, out=np.full(count, np.nan), where=counts > 0)
