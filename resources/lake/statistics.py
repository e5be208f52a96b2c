"""What a file says of the values in it: read from Parquet's footer, written into Delta's log, so that any reader can
pass over files without opening them."""

import json
import re
from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.arrow_types import AnyField, fields
from resources.lake.where import Bounds

_KEYS = re.compile(r"delivery|drop|key|\w+_(id|key)")
_LONGEST_KEY = 128


def _is_key(field: AnyField) -> bool:
    """Whether rows are sought by the column: whole numbers, and text that names something. Bounds of others would fill
    the log of each table, and let nobody pass over a file."""
    return pa.types.is_integer(field.type) or (
        pa.types.is_string(field.type) and _KEYS.fullmatch(field.name) is not None
    )


def delta_statistics(metadata: pq.FileMetaData) -> str:
    """Delta's JSON of a file: its rows, and least, greatest value and nulls of each column that is a key."""
    names = [field.name for field in fields(metadata.schema.to_arrow_schema()) if _is_key(field)]
    groups = [group_bounds(metadata, group, names) for group in range(metadata.num_row_groups)]
    low: dict[str, object] = {}
    high: dict[str, object] = {}
    nulls: dict[str, int] = {}
    for name in names:
        bounds = [group[name] for group in groups if name in group]
        if len(bounds) < len(groups):
            continue
        nulls[name] = sum(each.nulls for each in bounds)
        filled = [each for each in bounds if each.low is not None]
        if filled:
            low[name], high[name] = min(each.low for each in filled), max(each.high for each in filled)
    return json.dumps({"numRecords": metadata.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls})


def group_bounds(metadata: pq.FileMetaData, group: int, names: Collection[str]) -> dict[str, Bounds]:
    """Bounds of those of the columns of a row group of which they are known."""
    known: dict[str, Bounds] = {}
    row_group = metadata.row_group(group)
    for place in range(row_group.num_columns):
        column = row_group.column(place)
        statistics: Any = column.statistics if column.path_in_schema in names else None
        if statistics is None or not statistics.has_null_count:
            continue
        if statistics.has_min_max and len(str(statistics.max)) <= _LONGEST_KEY:
            known[column.path_in_schema] = Bounds(statistics.min, statistics.max, statistics.null_count)
        elif statistics.null_count == row_group.num_rows:
            known[column.path_in_schema] = Bounds(None, None, statistics.null_count)
    return known


def comparable(kind: pa.DataType) -> bool:
    """Whether Parquet's bounds of such a column are ordered as Python orders its values."""
    return pa.types.is_integer(kind) or pa.types.is_string(kind)
