"""What the making of a version took, step by step, as the report shows it."""

from collections.abc import Collection, Sequence
from typing import Any

from ops.core.log import Log, Row
from ops.core.measure_schemas import STEP_COSTS
from ops.report.data import CostRow
from resources.lake.tables import Lake


def cost_figures(lake: Lake, drops: Collection[str], examples: int) -> tuple[CostRow, ...]:
    """The last run of each step that came to its end: of the corpus, and of each of these drops, summed over them; the
    dearest first. `examples` are those of the version."""
    by_step: dict[str, list[Row]] = {}
    for row in _last(lake, drops):
        by_step.setdefault(row["step"], []).append(row)
    costs = [_summed(step, rows, examples) for step, rows in by_step.items()]
    return tuple(sorted(costs, key=lambda cost: -cost.processor_seconds))


def _summed(step: str, rows: Sequence[Row], examples: int) -> CostRow:
    def total(name: str) -> Any:
        return sum(row[name] or 0 for row in rows)

    of_engines = total("seconds"), total("processor_seconds")
    return CostRow(step, len(rows), *of_engines, examples, total("embedded"), total("known"), total("gpu_seconds"))


def _last(lake: Lake, drops: Collection[str]) -> Collection[Row]:
    last: dict[tuple[str, str | None], Row] = {}
    for row in Log.of(lake.read(STEP_COSTS, where={"outcome": "done"})).rows:
        if row["drop"] is None or row["drop"] in drops:
            last[row["step"], row["drop"]] = row
    return last.values()
