"""The report's section of forecasts: the version's own examples, by trainer, the worst first."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.audits.preflight import AUDIT
from ops.core.version_schemas import CURATED
from resources.lake.tables import Lake
from resources.report.forecast_figures import forecast_figures


def row(example: str, trainer: str, outcome: str, reason: str = "", lost: int = 0) -> dict[str, Any]:
    return {
        "delivery": "d",
        "identity": "i",
        "example_id": example,
        "trainer": trainer,
        "outcome": outcome,
        "reason": reason,
        "answer_tokens_lost": lost,
    }


def test_examples_of_the_version_are_counted_by_trainer_and_reason(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    members = [{"version": 2, "delivery": "d", "example_id": name} for name in ("a", "b", "c")]
    lake.write(CURATED, pa.Table.from_pylist(members, schema=CURATED.schema), partition={"version": 2}, once="2")
    measures = [
        row("a", "trl", "truncated", "answer_cut", 4),
        row("b", "trl", "truncated", "answer_cut", 5),
        row("c", "trl", "crashed", "image_cut"),
        row("d", "trl", "crashed", "image_cut"),  # not in the version
        *(row(name, "ms-swift", "read") for name in ("a", "b", "c")),
    ]
    table = pa.Table.from_pylist(measures, schema=AUDIT.table.schema)
    lake.write(AUDIT.table, table, partition={"delivery": "d", "identity": "i"}, once="i")
    figures = forecast_figures(lake, 2, ["d"], {"preflight": "i"}, {})
    counted = [(one.trainer, one.outcome, one.examples, one.answer_tokens_lost, one.example_id) for one in figures]
    assert counted == [("ms-swift", "read", 3, 0, "a"), ("trl", "crashed", 1, 0, "c"), ("trl", "truncated", 2, 9, "a")]
    assert figures[1].fix.startswith("raise the length")
    assert forecast_figures(lake, 2, ["d"], {}, {}) == ()
    assert forecast_figures(lake, 2, ["d"], {"preflight": "i"}, {"preflight": ["d"]}) == ()
