"""Audits of checkpoints, as the lake remembers them; reading them needs no torch."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.core.log import Log, Row
from ops.core.measure_schemas import CHECKPOINTS
from resources.lake.tables import Lake

if TYPE_CHECKING:
    from resources.checkpoints.auditing import CheckpointAudit


def record_audit(lake: Lake, audit: "CheckpointAudit") -> None:
    """Adds the audit to the lake's log of checkpoints."""
    retrieval = next((skill for skill in audit.skills if skill.name == "retrieval"), None)
    row: Row = {
        "at": datetime.now(UTC),
        "checkpoint": audit.checkpoint,
        "weights": audit.weights,
        "baseline": audit.baseline,
        "probe_set": audit.probe_set,
        "probes": audit.probes,
        "verdict": audit.verdict,
        "kept": audit.layers[-1].kept,
        "retrieval": retrieval and retrieval.after,
        "retrieval_before": retrieval and retrieval.before,
        "outcome": json.dumps(audit.as_json()),
    }
    lake.log(CHECKPOINTS, lambda _: [row])


def audited_checkpoints(lake: Lake) -> Log:
    """The audits, in the order in which they were made."""
    return Log.of(lake.read(CHECKPOINTS))
