"""Lakes whose drops are gated and measured as far as the tables tell, without any engine."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.schemas import DROPS, EXAMPLES, QUARANTINE
from resources.config.settings import Settings
from resources.gates.gates import GateResult
from resources.gates.outcomes import record_gates
from resources.lake.tables import Lake
from resources.measuring.delivery import once, record_embedded, row_identities


def arrive(lake: Lake, drop: str, delivery: str, *, broken: int = 0) -> None:
    """A delivery of ten rows, some of them unusable."""
    kept = [
        {"drop": drop, "delivery": delivery, "example_id": f"{delivery}{n}", "provenance": {"file": "a.json", "row": n}}
        for n in range(10 - broken)
    ]
    aside = [{"delivery": delivery, "file": "a.json", "row": n, "reason": "image_missing"} for n in range(broken)]
    for spec, rows in ((EXAMPLES, kept), (QUARANTINE, aside)):
        table = pa.Table.from_pylist(rows, schema=spec.schema)
        lake.write(spec, table, partition={"delivery": delivery}, once=delivery)
    counts = {"rows_in": 10, "rows_kept": 10 - broken, "rows_quarantined": broken}
    row = {"at": datetime.now(UTC), "drop": drop, "delivery": delivery, "source": f"from/{drop}", "state": "arrived"}
    lake.log(DROPS, lambda log: [row | counts | {"files": [{"file": "a.json", **counts}]}])


def judged(success: bool, *failures: str) -> GateResult:
    """What a gate of measures says."""
    results: dict[str, Any] = {"gate": "measures", "success": success, "failures": list(failures), "checks": []}
    return GateResult("measures", "audit", success, list(failures), [f"mend {f}" for f in failures], results)


def measured(lake: Lake, delivery: str, settings: Settings, encoder: str, *, failing: tuple[str, ...] = ()) -> None:
    """Records the delivery as embedded, measured by every audit, and gated: `failing` audits failed."""
    record_embedded(lake, delivery, encoder)
    identities = row_identities(settings, encoder)
    for name, identity in identities.items():
        lake.commit(all_audits()[name].table, [], once=once(delivery, identity))
    gates = {name: judged(False, f"{name} 1 > 0") if name in failing else judged(True) for name in identities}
    record_gates(lake, delivery, gates, identities=identities, settings=settings.gates)
