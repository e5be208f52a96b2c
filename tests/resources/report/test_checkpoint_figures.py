"""The report's section of checkpoints: the last audit of each, the newest first."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.core.measure_schemas import CHECKPOINTS
from resources.lake.tables import Lake
from resources.report.checkpoint_figures import checkpoint_figures


def audited(lake: Lake, weights: str, verdict: str, *findings: dict[str, Any]) -> None:
    outcome = json.dumps({"findings": findings, "advice": ["raise b"] if findings else []})
    row = {"at": datetime(2026, 1, 1, tzinfo=UTC), "checkpoint": f"{weights}.pt", "weights": weights, "kept": 0.5}
    lake.log(CHECKPOINTS, lambda _: [row | {"baseline": "mini", "verdict": verdict, "outcome": outcome}])


def test_the_last_audit_of_each_checkpoint_is_shown(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    assert checkpoint_figures(lake) == ()
    fine = {"name": "retrieval", "where": "", "verdict": "pass", "detail": "right on all"}
    moved = {"name": "drift", "where": "embedding", "verdict": "reject", "detail": "5% is kept"}
    lost = {"name": "retrieval", "where": "", "verdict": "reject", "detail": "right on none"}
    audited(lake, "first", "pass")
    audited(lake, "second", "pass", fine)
    audited(lake, "first", "reject", fine, moved, lost)
    newest, other = checkpoint_figures(lake)
    assert (newest.checkpoint, newest.verdict, newest.retrieval) == ("first.pt", "reject", None)
    assert newest.faults == ("drift embedding: 5% is kept", "retrieval: right on none")
    assert newest.advice == ("raise b",)
    assert (other.checkpoint, other.faults) == ("second.pt", ())
