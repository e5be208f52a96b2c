"""Audits of checkpoints, as the lake remembers them."""

import json
from datetime import UTC, datetime

from ops.core.log import Log, Row
from ops.core.schemas import CHECKPOINTS
from resources.checkpoints.auditing import CheckpointAudit
from resources.lake.tables import Lake


def record_audit(lake: Lake, audit: CheckpointAudit) -> None:
    """Adds the audit to the lake's log of checkpoints."""
    skills = {skill.name: skill for skill in audit.skills}
    row: Row = {
        "at": datetime.now(UTC),
        "checkpoint": audit.checkpoint,
        "weights": audit.weights,
        "baseline": audit.baseline,
        "probe_set": audit.probe_set,
        "probes": audit.probes,
        "verdict": audit.verdict,
        "kept": audit.layers[-1].kept,
        "retrieval": skills["retrieval"].after,
        "retrieval_before": skills["retrieval"].before,
        "outcome": json.dumps(audit.as_json()),
    }
    lake.log(CHECKPOINTS, lambda _: [row])


def audited_checkpoints(lake: Lake) -> Log:
    """The audits, in the order in which they were made."""
    return Log.of(lake.read(CHECKPOINTS))
