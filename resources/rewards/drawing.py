"""Rows of a table of the lake, drawn by the hashes of their examples' ids: the same lake gives the same ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from ops.core.arrow_types import fields
from ops.core.hashing import key_hashes, splitmix
from ops.core.schemas import TableSpec
from resources.lake.tables import Lake


def draw_rows(
    lake: Lake, spec: TableSpec, columns: Sequence[str], where: Mapping[str, object], count: int, *, seed: int
) -> pa.Table:
    """At most `count` of the rows that match, with these columns, among them the key of an example; the table is read
    once, in batches."""
    drawn = pa.schema(fields(spec.schema, *columns)).empty_table()
    keys = np.empty(0, np.uint64)
    for batch in lake.batches(spec, where=where, columns=columns):
        keys = np.concatenate([keys, splitmix(key_hashes(batch) ^ np.uint64(seed))])
        first = np.argsort(keys)[:count]
        drawn = pa.concat_tables([drawn, pa.Table.from_batches([batch])]).take(first)
        keys = keys[first]
    return drawn
