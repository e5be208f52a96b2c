"""Which rows are wanted: conditions on columns, and whether a file may hold rows that meet them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.dataset as ds

from ops.core.arrow import Column, cast_to, values_or_nulls
from ops.core.arrow_types import type_in


@dataclass(frozen=True, slots=True)
class Bounds:
    """Least and greatest value of a column in a file or row group, None where all are null, and how many are."""

    low: Any
    high: Any
    nulls: int


@dataclass(frozen=True, slots=True)
class Between:
    """Values from `low` to `high`, both included; None leaves that side open. Text is compared by code points."""

    low: Any = None
    high: Any = None

    @property
    def many(self) -> bool:
        """Whether it names so many values that Arrow would spend its time on indexing them."""
        return False

    def may_hold(self, bounds: Bounds) -> bool:
        """Whether rows within these bounds may meet the condition."""
        if bounds.low is None:
            return False
        return (self.low is None or bounds.high >= self.low) and (self.high is None or bounds.low <= self.high)

    def expression(self, column: str, kind: pa.DataType, bounds: Bounds | None) -> ds.Expression:
        """The condition on rows within these bounds, any where None."""
        # The stub says bool.
        term: ds.Expression = ds.field(column).is_valid()  # pyright: ignore[reportAssignmentType]
        if self.low is not None:
            term = term & (ds.field(column) >= pa.scalar(self.low, kind))
        if self.high is not None:
            term = term & (ds.field(column) <= pa.scalar(self.high, kind))
        return term


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some values; null where `null`. `values` are distinct and in order."""

    values: Sequence[object]
    null: bool = False

    @property
    def many(self) -> bool:
        """Whether it names so many values that Arrow would spend its time on indexing them."""
        return len(self.values) > _MANY

    def may_hold(self, bounds: Bounds) -> bool:
        """Whether rows within these bounds may meet the condition."""
        first, last = self._within(bounds)
        return first < last or (self.null and bounds.nulls > 0)

    def expression(self, column: str, kind: pa.DataType, bounds: Bounds | None) -> ds.Expression:
        """The condition on rows within these bounds, any where None: Arrow indexes the values anew for each batch, so
        only those that can occur are named."""
        first, last = self._within(bounds) if bounds is not None else (0, len(self.values))
        values = pa.array([*self.values[first:last], *([None] if self.null else [])], kind)
        single = len(values) == 1 and values[0].is_valid
        field: Any = ds.field(column)
        return field == values[0] if single else field.isin(values)

    def _within(self, bounds: Bounds) -> tuple[int, int]:
        if bounds.low is None:
            return 0, 0
        return bisect_left(self.values, bounds.low), bisect_right(self.values, bounds.high)


_MANY = 256
Condition = OneOf | Between


def conditions(where: Mapping[str, object], schema: pa.Schema, owner: str) -> dict[str, Condition]:
    """The condition on each column. A lone value stands for a list of one.

    Raises ValueError for an unknown column and for a value that is not of the column's type."""
    conditions: dict[str, Condition] = {}
    for name, value in where.items():
        if name not in schema.names:
            raise ValueError(f"{owner}: no column {name!r} to filter on; it has {schema.names}")
        kind = type_in(schema, name)
        try:
            if isinstance(value, Between):
                low, high = (None if end is None else pa.scalar(end, kind).as_py() for end in (value.low, value.high))
                conditions[name] = Between(low, high)
            else:
                conditions[name] = _one_of(value, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ValueError(f"{owner}: {name} is {kind}; cannot look for {value!r:.80}") from error
    return conditions


def _one_of(value: object, kind: pa.DataType) -> OneOf:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        column = cast_to(cast(Column, value), kind)
    else:
        column = pa.array(several_values(value), kind)
    distinct: set[Any] = set(values_or_nulls(column, object))
    return OneOf(sorted(distinct - {None}), null=None in distinct)


def several_values(value: object) -> list[object]:
    """The values that a condition names; a lone one stands for a list of one."""
    is_several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    return list(cast(Iterable[object], value)) if is_several else [value]


def expression(
    wanted: Mapping[str, Condition], schema: pa.Schema, bounds: Mapping[str, Bounds] | None = None
) -> ds.Expression | None:
    """All conditions hold, of rows within these bounds; None where nothing is asked."""
    result: ds.Expression | None = None
    for name, condition in wanted.items():
        term = condition.expression(name, type_in(schema, name), (bounds or {}).get(name))
        result = term if result is None else result & term
    return result


def may_hold(wanted: Mapping[str, Condition], bounds: Mapping[str, Bounds]) -> bool:
    """Whether rows within these bounds may meet all conditions; a column without bounds may hold anything."""
    return all(name not in bounds or condition.may_hold(bounds[name]) for name, condition in wanted.items())
