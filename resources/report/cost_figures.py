"""What the making of a version took, step by step, as the report shows it."""

from collections.abc import Collection

from ops.core.log import Log, Row
from ops.core.measure_schemas import STEP_COSTS
from ops.report.data import CostRow
from resources.lake.tables import Lake


def cost_figures(lake: Lake, drops: Collection[str], examples: int) -> tuple[CostRow, ...]:
    """The last run of each step that came to its end: of the corpus, and of each of these drops, summed over them; the
    dearest first. `examples` are those of the version."""
    sums: dict[str, tuple[int, float, float]] = {}
    for row in _last(lake, drops):
        runs, seconds, spent = sums.get(row["step"], (0, 0.0, 0.0))
        sums[row["step"]] = runs + 1, seconds + row["seconds"], spent + row["processor_seconds"]
    costs = [CostRow(step, *figures, examples) for step, figures in sums.items()]
    return tuple(sorted(costs, key=lambda cost: -cost.processor_seconds))


def _last(lake: Lake, drops: Collection[str]) -> Collection[Row]:
    last: dict[tuple[str, str | None], Row] = {}
    for row in Log.of(lake.read(STEP_COSTS, where={"outcome": "done"})).rows:
        if row["drop"] is None or row["drop"] in drops:
            last[row["step"], row["drop"]] = row
    return last.values()
