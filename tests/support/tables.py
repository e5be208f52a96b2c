"""Rows for every table of the lake."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.core.log import Log
from ops.core.schemas import IMAGES, QUARANTINE, TableSpec
from resources.lake.tables import Lake

TEXTS = ["plain", "", "nul\0inside", "ü 漢字 🙂", "line\nbreak", None]


def value(kind: pa.DataType, n: int) -> Any:
    """The n-th of a series of values of an Arrow type, nulls and empty ones among them."""
    if isinstance(kind, pa.StructType):
        return {field.name: value(field.type, n + i) for i, field in enumerate(kind)} if n % 7 else None
    if isinstance(kind, pa.ListType):
        return [value(kind.value_type, n + i) for i in range(n % 3)] if n % 5 else None
    if pa.types.is_string(kind):
        return TEXTS[n % len(TEXTS)]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return bytes([n % 256, 0, 255]) * (n % 4)
    if pa.types.is_boolean(kind):
        return [True, False, None][n % 3]
    if pa.types.is_timestamp(kind):
        return datetime(2026, 11, 23, 1, 2, n % 60, 123456, tzinfo=UTC) if n % 4 else None
    if pa.types.is_floating(kind):
        return [0.5, -1e300, float("inf"), None][n % 4]
    return n if n % 4 else None


def rows_of(spec: TableSpec, count: int, partition: dict[str, Any]) -> pa.Table:
    rows = [{field.name: value(field.type, n) for field in spec.schema} | partition for n in range(count)]
    return pa.Table.from_pylist(rows, schema=spec.schema)


def partition_of(spec: TableSpec, name: str) -> dict[str, Any]:
    return {column: 7 if pa.types.is_integer(spec.schema.field(column).type) else name for column in spec.partition_by}


def quarantine(delivery: str, count: int = 1) -> pa.Table:
    return rows_of(QUARANTINE, count, {"delivery": delivery})


def images(*names: str) -> pa.Table:
    return pa.Table.from_pylist([{"image_id": name, "bytes": name.encode()} for name in names], schema=IMAGES.schema)


def between(log: Log) -> list[dict[str, Any]]:
    return [{"drop": "between"}]


def parquet_files(lake: Lake, spec: TableSpec) -> set[str]:
    """The data files of a table that lie in its folder, committed or not."""
    return {str(path) for path in (Path(lake.root) / spec.name).rglob("*.parquet") if "_delta_log" not in path.parts}
