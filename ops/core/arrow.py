"""Arrow's columns and kernels with the types that its stubs leave open: there most of `pyarrow.compute` is partly
unknown, and an array wants a type of its values that hardly a caller knows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Value = TypeVar("Value")
Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)
if TYPE_CHECKING:
    AnyArray: TypeAlias = pa.Array[Any]
    Column: TypeAlias = pa.Array[Any] | pa.ChunkedArray[Any]
    """Values of any type; of truth where a function tells which rows meet something."""
else:  # Arrow's own classes take no type
    AnyArray = pa.Array
    Column = pa.Array | pa.ChunkedArray

Values = TypeVar("Values", bound=Column)

_KERNELS: Any = pc
_COMPARE: dict[str, Any] = {
    "==": _KERNELS.equal,
    "!=": _KERNELS.not_equal,
    "<": _KERNELS.less,
    "<=": _KERNELS.less_equal,
    ">": _KERNELS.greater,
    ">=": _KERNELS.greater_equal,
}
COMPARISONS = tuple(_COMPARE)


def column_values(rows: pa.Table | pa.RecordBatch, name: str, kind: type[Value]) -> list[Value]:
    """The values of a column that has no nulls, of that type."""
    return cast("list[Value]", rows[name].to_pylist())


def values_of(column: Column, kind: type[Value]) -> list[Value]:
    """The same of a column by itself."""
    return cast("list[Value]", column.to_pylist())


def nullable_values(rows: pa.Table | pa.RecordBatch, name: str, kind: type[Value]) -> list[Value | None]:
    """The values of a column that may have nulls, the others of that type."""
    return cast("list[Value | None]", rows[name].to_pylist())


def values_or_nulls(column: Column, kind: type[Value]) -> list[Value | None]:
    """The same of a column by itself."""
    return cast("list[Value | None]", column.to_pylist())


def rows_of(rows: pa.Table | pa.RecordBatch, kind: type[Value]) -> list[Value]:
    """The rows as dicts by column, of that type."""
    return cast("list[Value]", rows.to_pylist())


def type_of(column: Column) -> pa.DataType:
    """The type of a column's values."""
    return cast(Any, column).type


def array_of(values: Sequence[Any], kind: pa.DataType) -> AnyArray:
    """The values, made an array by their own types, as this type."""
    return cast(Any, pa).array(list(values)).cast(kind)


def cast_to(column: Column, kind: pa.DataType, *, safe: bool = True) -> Column:
    """The values as this type; unless `safe`, also where some lose digits."""
    return cast(Any, column).cast(kind, safe=safe)


def whole(rows: pa.Table | pa.RecordBatch, name: str) -> AnyArray:
    """A column in one piece."""
    column = cast(Any, rows)[name]
    return column.combine_chunks() if isinstance(rows, pa.Table) else column


def numpy_values(column: Column) -> np.ndarray:
    """The values as numpy has them, copied where they must be."""
    return cast(Any, column).to_numpy(zero_copy_only=False)


def flags(mask: Column) -> np.ndarray:
    """Which values are true (n, bool); no null is."""
    return numpy_values(_KERNELS.fill_null(mask, False))


def ranks(texts: AnyArray) -> np.ndarray:
    """The place of each text among the distinct ones, in order (n)."""
    encoded = cast(Any, texts).dictionary_encode()
    order = np.argsort(np.argsort(np.array(encoded.dictionary.to_pylist(), dtype=str)))
    return order[encoded.indices.to_numpy()]


def table_of(columns: Mapping[str, Column]) -> pa.Table:
    """The columns, by name, as a table."""
    return pa.Table.from_pydict(dict(columns))


def column_of(batch: pa.RecordBatch, name: str | int) -> AnyArray:
    """A column of the batch, by its name or its place."""
    return cast(Any, batch).column(name)


def with_column(batch: pa.RecordBatch, name: str, column: Column) -> pa.RecordBatch:
    """The batch with one column more."""
    return cast(Any, batch).append_column(name, column)


def batch_of(columns: list[Column], schema: pa.Schema) -> pa.RecordBatch:
    """The columns, each in one piece, as a batch."""
    return cast(Any, pa.RecordBatch).from_arrays(columns, schema=schema)


def taken(column: Values, places: Column) -> Values:
    """The values at these places; null where a place is."""
    return cast(Any, column).take(places)


def rows_at(rows: Rows, places: Column) -> Rows:
    """The rows at these places."""
    return cast(Any, rows).take(places)


def rows_where(rows: Rows, mask: Column) -> Rows:
    """The rows that meet it."""
    return cast(Any, rows).filter(mask)


def values_where(column: Values, mask: Column) -> Values:
    """The values whose row meets it; a null where the mask is null is left out."""
    return cast(Any, column).filter(mask)


def sorted_by(rows: pa.Table, *names: str) -> pa.Table:
    """The rows in ascending order of these columns."""
    return cast(Any, rows).sort_by([(name, "ascending") for name in names])


def compare(left: Column, comparison: str, right: Column | bool | int | float | str) -> Column:
    """Which values meet one of COMPARISONS with the others, or with one value; false where either is null."""
    return _KERNELS.fill_null(_COMPARE[comparison](left, right), False)


def is_valid(column: Column) -> Column:
    """Which values are not null."""
    return _KERNELS.is_valid(column)


def is_null(column: Column) -> Column:
    """Which values are null."""
    return _KERNELS.is_null(column)


def is_nan(column: Column) -> Column:
    """Which values are not a number; null where a value is."""
    return _KERNELS.is_nan(column)


def as_large(column: Column) -> Column:
    """Text with offsets of 64 bits, without a copy of it: of 67 million ids, plain text in one piece is too long."""
    return cast_to(column, pa.large_string()) if pa.types.is_string(type_of(column)) else column


def is_in(column: Column, among: Column) -> Column:
    """Which values are among these, of whatever length; a null is where a null is among them."""
    return _KERNELS.is_in(as_large(column), value_set=as_large(among))


def index_in(column: Column, among: Column) -> Column:
    """The place of each value among the others, of whatever length (int32); null where it is not there. Arrow builds
    the index of the others anew on each call."""
    return _KERNELS.index_in(as_large(column), value_set=as_large(among))


def fill_null(column: Column, value: bool | int | float | str) -> Column:
    """The values, with this one for nulls."""
    return _KERNELS.fill_null(column, value)


def both(left: Column, right: Column) -> Column:
    """Which rows meet the one and the other; false where either is null."""
    return _KERNELS.fill_null(_KERNELS.and_(left, right), False)


def either(left: Column, right: Column) -> Column:
    """Which rows meet one or the other; null where either is."""
    return _KERNELS.or_(left, right)


def if_else(mask: Column, then: str, otherwise: Column) -> Column:
    """One value where the mask is met, else the other's."""
    return _KERNELS.if_else(mask, then, otherwise)


def kept_where(column: Values, mask: Column) -> Values:
    """The values whose row meets it, and null in place of the others."""
    return _KERNELS.if_else(mask, column, None)


def distinct_values(column: Column) -> AnyArray:
    """Each value once, null too, in the order in which they first come."""
    return cast(Any, column).unique()


def invert(mask: Column) -> Column:
    """Which rows do not meet it; null where it is."""
    return _KERNELS.invert(mask)


def struct_array(columns: list[Column], kind: pa.StructType) -> AnyArray:
    """The columns as structs."""
    return cast(Any, pa.StructArray).from_arrays(columns, fields=list(kind))


def list_array(lengths: np.ndarray, values: AnyArray, kind: pa.DataType) -> AnyArray:
    """The values in lists of these lengths, one after the other."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return cast(Any, pa.ListArray).from_arrays(pa.array(offsets, pa.int32()), values, type=kind)


def list_parents(lists: Column) -> np.ndarray:
    """The place of the list that each member is in (m)."""
    return numpy_values(_KERNELS.list_parent_indices(lists))


def list_at(lists: Column, place: int) -> AnyArray:
    """The members of the list at that place."""
    return cast(Any, lists)[place].values


@overload
def list_members(lists: AnyArray) -> AnyArray: ...
@overload
def list_members(lists: Column) -> Column: ...
def list_members(lists: Column) -> Column:
    """The members of all lists, one after the other."""
    return _KERNELS.list_flatten(lists)


def list_lengths(lists: Column) -> np.ndarray:
    """How many members each list has (n, int64); none where it is null."""
    return numpy_values(_KERNELS.fill_null(_KERNELS.list_value_length(lists), 0)).astype(np.int64)


def struct_values(structs: Column, name: str) -> Column:
    """The field of that name of each struct."""
    return _KERNELS.struct_field(structs, name)


def value_counts(column: Column) -> list[tuple[Any, int]]:
    """Each distinct value, null too, and how often it occurs, in the order in which they first come."""
    return [(pair["values"], pair["counts"]) for pair in _KERNELS.value_counts(column).to_pylist()]


def group_counts(rows: pa.Table | pa.RecordBatch, names: Sequence[str]) -> list[dict[str, Any]]:
    """The distinct rows of these columns, each with its `count_all`."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    return table.group_by(list(names)).aggregate([([], "count_all")]).to_pylist()


def distinct_rows(rows: pa.Table) -> pa.Table:
    """Each distinct row once, in the order in which they first come."""
    return rows.group_by(rows.column_names).aggregate([])


def extent(numbers: Column) -> tuple[Any, Any]:
    """The least and the greatest number; None where there is none."""
    ends = _KERNELS.min_max(numbers).as_py()
    return ends["min"], ends["max"]


def sort_order(column: Column) -> AnyArray:
    """The places of the values in ascending order; nulls come last."""
    return _KERNELS.sort_indices(column)
