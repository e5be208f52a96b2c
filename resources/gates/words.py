"""What Great Expectations found, in words: which figure, what was promised, what came."""

from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd
import pyarrow as pa

#: Columns that name a row of a facts table.
NAMES = ("file", "dataset", "delivery", "kind", "fault", "group")

#: Failing rows that are named one by one.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, held against the facts called `part`."""

    part: str
    expectation: str
    figure: str
    promised: str
    observed: str
    success: bool
    failures: list[str] = field(default_factory=list)
    fix: str = ""

    def plain(self) -> dict[str, object]:
        """As JSON."""
        return {
            "part": self.part,
            "expectation": self.expectation,
            "figure": self.figure,
            "promised": self.promised,
            "found": self.observed,
            "success": self.success,
        }


def frame_of(facts: pa.Table) -> pd.DataFrame:
    """Facts as Great Expectations takes them."""
    return cast(Any, facts).to_pandas()


def check_of(part: str, result: Any, facts: pd.DataFrame) -> Check:
    """The check that a validation result of Great Expectations tells of."""
    config = result.expectation_config
    kwargs: dict[str, Any] = config.kwargs
    meta: dict[str, Any] = config.meta or {}
    figure = kwargs.get("column") or kwargs.get("column_A") or "rows of facts"
    promised = _promised(kwargs)
    return Check(
        part=part,
        expectation=config.type,
        figure=figure,
        promised=promised,
        observed=_observed(result, facts, figure),
        success=bool(result.success),
        failures=[] if result.success else _failures(part, result, facts, figure=figure, promised=promised),
        fix=str(meta.get("fix", "")),
    )


def _failures(part: str, result: Any, facts: pd.DataFrame, *, figure: str, promised: str) -> list[str]:
    raised = _raised(result)
    if raised:
        return [f"{figure} of {part} could not be judged: {raised}"]
    broken = result.result.get("unexpected_index_list")
    if broken is None:
        return [f"{figure} {_observed(result, facts, figure)}, promised {promised}"]
    config = result.expectation_config
    meta: dict[str, Any] = config.meta or {}
    details = str(meta.get("detail") or "").split()
    other = config.kwargs.get("column_B")
    low, high = config.kwargs.get("min_value"), config.kwargs.get("max_value")
    failures: list[str] = []
    for at in broken[:NAMED]:
        row = facts.loc[at]
        value = row[figure]
        against = f"≠ {other} {_number(row[other])}" if other else _broken(value, low, high, promised)
        known = "; ".join(str(row[detail]) for detail in details if row[detail])
        explained = f" ({known})" if known else ""
        failures.append(f"{_called(row)}{figure} {_number(value)} {against}{explained}")
    more = len(broken) - NAMED
    return [*failures, f"and {more} more of {part} with such a {figure}"] if more > 0 else failures


def _broken(value: Any, low: float | None, high: float | None, promised: str) -> str:
    if low is not None and low == high:
        return f"≠ {_number(low)}"
    if high is not None and value > high:
        return f"> {_number(high)}"
    if low is not None and value < low:
        return f"< {_number(low)}"
    return f"(promised {promised})"


def _promised(kwargs: dict[str, object]) -> str:
    if "column_B" in kwargs:
        return f"= {kwargs['column_B']}"
    if "value_set" in kwargs:
        return f"in {kwargs['value_set']}" if kwargs["value_set"] != [""] else "none"
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and low == high:
        return f"= {_number(low)}"
    if low is None or high is None:
        return f"<= {_number(high)}" if low is None else f"{'>' if kwargs.get('strict_min') else '>='} {_number(low)}"
    return f"in {_number(low)} to {_number(high)}"


def _observed(result: Any, facts: pd.DataFrame, figure: str) -> str:
    if figure not in facts:
        observed: dict[str, Any] = result.result or {}
        return str(observed.get("observed_value", "?"))
    values = facts[figure].dropna()
    if not len(values):
        return "none"
    if len(values) == 1:
        return _number(values.iloc[0])
    return f"{_number(values.min())} to {_number(values.max())} over {len(values)} rows"


def _called(row: pd.Series) -> str:
    name = next((name for name in NAMES if name in row.index), None)
    return "" if name is None or "drop" in row.index else f"{name} {row[name]!r}: "


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value or "none"
    number = float(value)
    return str(int(number)) if number.is_integer() else f"{number:.4g}"


def _raised(result: Any) -> str:
    info: dict[str, Any] = result.exception_info or {}
    if info.get("raised_exception"):
        return str(info.get("exception_message"))
    nested = [cast("dict[str, object]", inner) for inner in info.values() if isinstance(inner, dict)]
    raised = [inner for inner in nested if inner.get("raised_exception")]
    return "; ".join(str(inner.get("exception_message")) for inner in raised)
