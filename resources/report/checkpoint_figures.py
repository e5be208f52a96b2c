"""The checkpoints that were audited on the lake, as the report shows them."""

import json

from ops.core.grades import PASS
from ops.core.log import Row
from ops.report.model_data import CheckpointRow
from resources.checkpoints.audit_log import audited_checkpoints
from resources.lake.tables import Lake

_MOST = 20


def checkpoint_figures(lake: Lake) -> tuple[CheckpointRow, ...]:
    """The last audits, the newest first; of one that was audited again only the last."""
    return tuple(map(_row, audited_checkpoints(lake).newest_by("weights", _MOST)))


def _row(row: Row) -> CheckpointRow:
    outcome = json.loads(row["outcome"])
    faults = [finding for finding in outcome["findings"] if finding["verdict"] != PASS]
    return CheckpointRow(
        at=f"{row['at']:%Y-%m-%d %H:%M}",
        checkpoint=row["checkpoint"],
        baseline=row["baseline"],
        verdict=row["verdict"],
        kept=row["kept"],
        retrieval=row["retrieval"],
        retrieval_before=row["retrieval_before"],
        faults=tuple(f"{f['name']} {f['where']}: {f['detail']}".replace(" :", ":") for f in faults),
        advice=tuple(outcome["advice"]),
    )
