"""Difficulty: measures of different units made one figure an example, by their ranks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import AnyArray, Column, fill_null, index_in, numpy_values


@dataclass(frozen=True, slots=True)
class Component:
    """Values of one measure: `ids` (n) of the examples and `values` (n, float64), any number of rows an example."""

    ids: Column
    values: np.ndarray


def difficulty(ids: AnyArray, components: Mapping[str, Component], weights: Mapping[str, float]) -> np.ndarray:
    """Difficulty of each example in `ids` (float64, 0 to 1; NaN where no component is known).

    Each component is averaged over an example's rows and replaced by its rank among the examples, as a share (ties
    share their mean rank); the figure is the mean of these shares by weight, over the components that are known. A
    weight below 0 turns its ranks round. The order of rows decides nothing.
    """
    total = np.zeros(len(ids))
    weighed = np.zeros(len(ids))
    # Components of one audit share their ids; looking a million of them up is what takes time.
    places: dict[int, np.ndarray] = {}
    for name in sorted(weights):
        if not weights[name]:
            continue
        component = components[name]
        if id(component.ids) not in places:
            places[id(component.ids)] = _places(ids, component)
        shares = ranks(_means(places[id(component.ids)], component.values, len(ids)))
        known = np.isfinite(shares)
        total += abs(weights[name]) * np.where(known, shares if weights[name] > 0 else 1 - shares, 0.0)
        weighed += abs(weights[name]) * known
    return np.divide(total, weighed, out=np.full(len(ids), np.nan), where=weighed > 0)


def ranks(values: np.ndarray) -> np.ndarray:
    """Mean rank of each value as a share from 0 to 1 (0.5 where all are equal); NaN stays NaN."""
    known = np.flatnonzero(np.isfinite(values))
    shares = np.full(len(values), np.nan)
    if len(known):
        _, group, sizes = np.unique(values[known], return_inverse=True, return_counts=True)
        below = np.cumsum(sizes) - sizes
        shares[known] = ((below + (sizes - 1) / 2) / max(len(known) - 1, 1))[group] if len(known) > 1 else 0.5
    return shares


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
