"""Rows by group: sorted streams of Arrow batches, cut where groups end, and groups that Spark made.

Spark sorts rows of fixed width much faster than it collects them into lists, and a stream of batches holds no group in
one row of the engine's memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, GroupedData
from pyspark.sql.pandas.types import from_arrow_schema


def whole_groups(batches: Iterable[pa.RecordBatch], keys: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a stream that is sorted by `keys` (integers, not null) in batches of whole groups."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        # The last row held is looked at too: the group may have ended with its batch.
        before = [held[-1].slice(held[-1].num_rows - 1)] if held else []
        joined = pa.Table.from_batches([*before, batch])
        starts = np.flatnonzero(group_starts(joined, keys)) - len(before)
        if len(inside := starts[starts >= 0]):
            yield from _joined([*held, batch.slice(0, inside[-1])])
            held = []
        held.append(batch.slice(inside[-1] if len(inside) else 0))
    yield from _joined(held)


def group_starts(rows: pa.Table | pa.RecordBatch, keys: Sequence[str]) -> np.ndarray:
    """Which rows (n, bool) have another key than the row before them."""
    starts = np.ones(rows.num_rows, dtype=bool)
    columns = [rows.column(key).to_numpy() for key in keys]
    starts[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return starts


def by_group(groups: GroupedData, choose: Callable[[pa.Table], pa.Table], schema: pa.Schema) -> DataFrame:
    """What `choose` makes of each group's rows; its tables have that schema."""
    untyped: Any = groups
    return untyped.applyInArrow(choose, from_arrow_schema(schema))


def _joined(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if rows := sum(batch.num_rows for batch in batches):
        yield from pa.Table.from_batches(batches).combine_chunks().to_batches(max_chunksize=rows)
