"""Arrow's columns with the types that its stubs leave open."""

from typing import TypeVar, cast

import pyarrow as pa

Value = TypeVar("Value")


def column_values(rows: pa.Table | pa.RecordBatch, name: str, kind: type[Value]) -> list[Value]:
    """The values of a column that has no nulls, of that type."""
    return cast("list[Value]", rows[name].to_pylist())
