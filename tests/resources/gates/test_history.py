"""What a gate found in its last runs, told beside what it finds now."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.core.measure_schemas import MEASURES_GATES
from ops.core.schemas import DROPS
from ops.core.version_schemas import VERSIONS
from resources.gates.history import RUNS, earlier_candidates, earlier_ingests, earlier_measures
from resources.lake.tables import Lake

SHARE = ("drop", "quarantine_share")


def results(figure: str) -> str:
    return json.dumps({"checks": [{"part": "drop", "figure": "quarantine_share", "found": figure}]})


def test_the_last_runs_before_this_one_are_told_oldest_first(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows: list[dict[str, Any]] = [
        {"drop": "d", "delivery": f"d-{n}", "state": "admitted", "gate_results": results(str(n))} for n in range(8)
    ]
    again = rows[2] | {"state": "superseded"}
    lake.log(DROPS, lambda log: [*rows, again])
    assert earlier_ingests(lake, "d-7")[SHARE] == [str(n) for n in range(7 - RUNS, 7)]
    assert earlier_ingests(lake, "d-1") == {SHARE: ["0"]}
    assert earlier_ingests(lake, "d-0") == {}


def test_a_rollback_has_no_gate_of_its_own(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    states = [(1, "published", results("a")), (2, "rejected", results("b")), (1, "published", '{"rollback_from": 2}')]
    rows = [{"version": n, "state": state, "gate_results": gate} for n, state, gate in states]
    lake.log(VERSIONS, lambda log: rows)
    assert earlier_candidates(lake, 2) == {SHARE: ["a"]}
    assert earlier_candidates(lake, 3) == {SHARE: ["a", "b"]}


def test_each_audit_has_the_history_of_its_own_gate(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [
        {
            "delivery": f"d-{n}",
            "at": datetime(2026, 11, n + 1, tzinfo=UTC),
            "audit": audit,
            "gate_results": results(f"{audit}{n}"),
        }
        for n in (2, 0, 1)
        for audit in ("claims", "grounding")
        if not (audit == "claims" and n == 1)
    ]
    lake.write(MEASURES_GATES, pa.Table.from_pylist(rows, schema=MEASURES_GATES.schema), partition={}, once="x")
    earlier = earlier_measures(lake, "d-2")
    assert earlier["grounding"] == {SHARE: ["grounding0", "grounding1"]}
    assert earlier["claims"] == {SHARE: ["claims0"]}
    assert earlier_measures(lake, "d-0") == {}
