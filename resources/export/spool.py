"""Rows sorted to the shards that need them, in one pass over a table: each shard gets a scratch file of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from ops.core.arrow import AnyArray, as_large, column_of, distinct_values, index_in, numpy_values
from ops.exports.plan import Plan
from resources.lake.lookup import KeyIndex

FLUSH_BYTES = 64 << 20
"""Rows held while they are sorted into shards: Arrow bytes."""


@dataclass(frozen=True, slots=True)
class Routes:
    """To which shards each example goes. `starts` and `shards` are a table in compressed rows: the shards of example
    n are `shards[starts[n]:starts[n + 1]]`, as places in `names`."""

    ids: AnyArray
    index: KeyIndex
    starts: np.ndarray
    shards: np.ndarray
    names: Sequence[str]

    @classmethod
    def of(cls, planned: Plan) -> "Routes":
        """From the places of the plan."""
        columns = [places["example_id"] for _, places in planned.shards]
        placed = as_large(pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()))
        ids = distinct_values(placed)
        example = numpy_values(index_in(placed, ids)).astype(np.int64)
        shard = np.repeat(np.arange(len(columns), dtype=np.int64), [len(column) for column in columns])
        width = max(1, len(columns))
        pairs = np.unique(example * width + shard)
        starts = np.searchsorted(pairs // width, np.arange(len(ids) + 1))
        return cls(ids, KeyIndex(ids), starts, pairs % width, [shard.name for shard, _ in planned.shards])

    def select(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        """The batch's rows that some shard needs, and the number of each row's example."""
        example = self.index.positions(column_of(batch, "example_id"))
        rows = np.flatnonzero(example >= 0)
        return rows, example[rows]


@dataclass(slots=True)
class Spool:
    """Appends rows to the files of the shards that need them, many rows at a time. `close` writes what is held."""

    folder: Path
    routes: Routes
    held: list[pa.Table] = field(default_factory=list)
    shards: list[np.ndarray] = field(default_factory=list)
    bytes_held: int = 0

    def add(self, rows: pa.Table, example: np.ndarray) -> None:
        """Take rows that `Routes.select` chose; `example` is the number of each row's example."""
        if not len(example):
            return
        first, last = self.routes.starts[example], self.routes.starts[example + 1]
        copies = last - first
        # The shards of each row, one run after the other.
        within = np.arange(int(copies.sum())) - np.repeat(np.cumsum(copies) - copies, copies)
        self.shards.append(self.routes.shards[np.repeat(first, copies) + within])
        self.held.append(rows.take(row_numbers(np.repeat(np.arange(len(example)), copies))))
        self.bytes_held += self.held[-1].nbytes
        if self.bytes_held >= FLUSH_BYTES:
            self.close()

    def close(self) -> None:
        """Write what is held."""
        if not self.held:
            return
        shard = np.concatenate(self.shards)
        order = np.argsort(shard, kind="stable")
        rows = pa.concat_tables(self.held).take(row_numbers(order)).combine_chunks()
        numbers, starts = np.unique(shard[order], return_index=True)
        for number, start, stop in zip(numbers, starts, [*starts[1:], len(order)], strict=True):
            piece = rows.slice(start, stop - start)
            path = self.folder / self.routes.names[int(number)]
            with path.open("ab") as file, pa.ipc.new_stream(file, piece.schema) as writer:
                writer.write_table(piece)
        self.held, self.shards, self.bytes_held = [], [], 0


def read_spooled(path: Path) -> pa.Table:
    """All rows of a file of IPC streams, one after the other."""
    tables: list[pa.Table] = []
    with path.open("rb") as file:
        size = path.stat().st_size
        while file.tell() < size:
            tables.append(pa.ipc.open_stream(file).read_all())
    return pa.concat_tables(tables)


def row_numbers(rows: np.ndarray) -> pa.Int64Array:
    """Row numbers as `take` wants them."""
    return pa.array(rows, pa.int64())
