"""Every audit declares in what range its figures lie, and keeps to it on hostile inputs."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.audits.contract import Audit, Scope
from ops.audits.ranges import ANY, COSINE, Range, column, has_numbers, range_of
from ops.audits.registry import all_audits, audits_of
from tests.support.examples import examples
from tests.support.hostile import Hostile, bold, hostile, outside

AUDITS = [pytest.param(audit, id=audit.name) for audit in all_audits().values()]


@pytest.mark.parametrize("audit", AUDITS)
def test_every_column_of_numbers_declares_its_range(audit: Audit) -> None:
    assert [c.name for c in audit.columns if has_numbers(c) and range_of(c) is None] == []
    assert [c.name for c in audit.columns if not has_numbers(c) and range_of(c) is not None] == []


@pytest.mark.parametrize("audit", AUDITS)
def test_the_tables_of_the_lake_know_nothing_of_ranges(audit: Audit) -> None:
    assert [field.name for field in audit.table.schema if field.metadata] == []


@pytest.mark.full
@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.too_slow])
@given(delivery=hostile)
def test_row_audits_keep_to_their_ranges(delivery: Hostile) -> None:
    """All of them of one delivery: it takes longer to make than to measure."""
    inputs = delivery.inputs()
    for audit in audits_of(Scope.ROW, Scope.DROP):
        for chosen in (audit.settings, bold(audit)):
            measured = audit.measure(inputs, chosen)
            assert measured.schema == audit.schema, audit.name
            assert list(outside(audit, measured)) == []


@given(
    low=st.floats(allow_nan=False, allow_infinity=False, max_value=1e300),
    width=st.floats(1, 1e9),
    above_low=st.booleans(),
    open_side=st.sampled_from(["", "low", "high"]),
)
def test_a_range_travels_with_its_column(low: float, width: float, above_low: bool, open_side: str) -> None:
    bounds: dict[str, Any] = {"low": low, "high": max(low + width, low + abs(low) / 2)}
    values = Range(**{name: bound for name, bound in bounds.items() if name != open_side}, above_low=above_low)
    assert range_of(column("x", pa.float32(), values)) == values


def test_a_column_declares_nothing_by_its_name() -> None:
    assert range_of(pa.field("agreed_share", pa.float64())) is None
    assert range_of(pa.field("share", pa.float64(), metadata={"unit": "1"})) is None


@pytest.mark.parametrize(
    ("values", "inside", "outside"),
    [
        (ANY, [-1e30, 0.0], []),
        (COSINE, [-1.0, 1.0005], [1.01, -1.01]),
        (Range(0, 1, above_low=True), [1e-9, 1.0], [0.0, 1.1, -0.1]),
        (Range(high=1), [-3.0, 1.0], [1.5]),
    ],
)
def test_bounds_are_included_unless_they_say_otherwise(
    values: Range, inside: list[float], outside: list[float]
) -> None:
    assert all(map(values.holds, inside))
    assert not any(map(values.holds, outside))


def test_an_empty_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="a range from 2 to 1 is empty"):
        Range(2, 1)
