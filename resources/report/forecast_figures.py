"""What trainers would do with the examples of a version, as the report shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ops.audits.preflight import AUDIT
from ops.core.arrow import column_of, rows_where
from ops.core.version_schemas import CURATED
from ops.preflight.contract import Outcome
from ops.preflight.reasons import REASONS
from ops.report.data import ForecastRow
from resources.lake.lookup import KeyIndex
from resources.lake.stored_measures import Without, read_measures, used
from resources.lake.tables import Lake

_GROUP = ["trainer", "outcome", "reason"]
_WORST_LAST = list(Outcome)


def forecast_figures(
    lake: Lake, version: int, deliveries: Sequence[str], measures: Mapping[str, str], without: Without
) -> tuple[ForecastRow, ...]:
    """The forecasts of the version's examples, counted; empty where none were measured. Holds the version's ids."""
    identity = measures.get(AUDIT.name)
    if identity is None:
        return ()
    ids = lake.read(CURATED, where={"version": version}, columns=["example_id"])["example_id"]
    members = KeyIndex(ids)
    counts: dict[tuple[str, str, str], tuple[int, int, str]] = {}
    columns = {*_GROUP, "answer_tokens_lost"}
    measured_deliveries = used(deliveries, without, AUDIT.name)
    for batch in read_measures(lake, AUDIT.name, identity=identity, deliveries=measured_deliveries, columns=columns):
        kept = rows_where(batch, pa.array(members.positions(column_of(batch, "example_id")) >= 0))
        for row in _grouped(kept):
            key = (row["trainer"], row["outcome"], row["reason"])
            examples, lost, first = counts.get(key, (0, 0, row["example_id_min"]))
            first = min(first, row["example_id_min"])
            counts[key] = (examples + row["example_id_count"], lost + row["answer_tokens_lost_sum"], first)
    rows = [_row(*key, *figures) for key, figures in counts.items()]
    return tuple(sorted(rows, key=lambda row: (row.trainer, -_WORST_LAST.index(Outcome(row.outcome)), -row.examples)))


def _grouped(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    sums: Any = [("example_id", "count"), ("example_id", "min"), ("answer_tokens_lost", "sum")]
    return pa.Table.from_batches([batch]).group_by(_GROUP).aggregate(sums).to_pylist()


def _row(trainer: str, outcome: str, reason: str, examples: int, lost: int, first: str) -> ForecastRow:
    known = REASONS.get(reason)
    says = known.says if known else "is read as it stands"
    return ForecastRow(trainer, outcome, says, known.fix if known else "", examples, lost, first)
