"""In what range the values of a measure's column lie: declared beside the column, by the audit that measures it.

    columns=pa.schema([column("p_value", pa.float32(), P_VALUE), column("margin", pa.float32(), ANY)])

The measures gate holds stored measures to their ranges, and the contract tests hold every audit to them on hostile
inputs. A range is what the arithmetic can give, not what is usual. It travels in the metadata of the column's field.
"""

from dataclasses import dataclass
from math import inf

import pyarrow as pa

from ops.core.arrow_types import AnyField, member_type


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, bounds included; infinite where a side is open."""

    low: float = -inf
    high: float = inf
    above_low: bool = False
    """Whether `low` itself is excluded."""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a range from {self.low} to {self.high} is empty")

    def __str__(self) -> str:
        low, high = (f"{bound:g}" for bound in (self.low, self.high))
        if self.low == -inf:
            return "any number" if self.high == inf else f"at most {high}"
        if self.high == inf:
            return f"above {low}" if self.above_low else f"{low} and more"
        return f"above {low} to {high}" if self.above_low else f"{low} to {high}"

    def holds(self, value: float) -> bool:
        """Whether the value lies in it."""
        return (self.low < value if self.above_low else self.low <= value) and value <= self.high


ANY = Range()
SHARE = Range(0, 1)
P_VALUE = Range(0, 1, above_low=True)
COUNT = Range(0)
NUMBER = Range(1)
"""Counts of what there is at least one of, and places, of which the first is 1."""
HASH_BITS = Range(0, 64)
COSINE = Range(-1.001, 1.001)
"""Vectors are stored in half precision, so that a vector's cosine with itself can come out as 1.0005."""
COSINES_APART = Range(-2.002, 2.002)
"""The difference of two cosines, or of means of such."""
LOG_PROBABILITY = Range(high=0.0001)
"""But for the rounding of exponentials and logarithms."""
DIVERGENCE = Range(low=-0.0001)
"""Of two distributions; but for the same rounding."""


def column(name: str, kind: pa.DataType, values: Range | None = None) -> AnyField:
    """The column of that name and type, whose values (or, of a list, members) lie in that range; none for what are no
    numbers."""
    if values is None:
        return pa.field(name, kind)
    return pa.field(
        name, kind, metadata={"above" if values.above_low else "low": repr(values.low), "high": repr(values.high)}
    )


def range_of(measured: AnyField) -> Range | None:
    """The range that a column of an audit declares; None where it declares none."""
    bounds = {key.decode(): float(value) for key, value in (measured.metadata or {}).items() if key in _BOUNDS}
    if not bounds:
        return None
    low = bounds.get("above", bounds.get("low", -inf))
    return Range(low, bounds.get("high", inf), above_low="above" in bounds)


_BOUNDS = (b"low", b"above", b"high")


def has_numbers(measured: AnyField) -> bool:
    """Whether a column has a range to declare: numbers, and lists of numbers."""
    kind = member_type(measured.type)
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)
