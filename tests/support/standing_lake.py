"""Lakes whose drops are gated and measured as far as the tables tell, without any engine."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, Transaction

from ops.audits.registry import all_audits
from ops.core.identity import canonical_json
from ops.core.log import Log
from ops.core.measure_schemas import MEASURES_GATES
from ops.core.schemas import DROP_FILES, DROPS, EXAMPLES, QUARANTINE, TableSpec
from ops.core.version_schemas import VERSIONS
from ops.intake.reading import READING
from resources.config.settings import Settings
from resources.gates.gates import GateResult
from resources.gates.outcomes import record_gates
from resources.lake.commit import TableLog
from resources.lake.compaction import compact
from resources.lake.staged import StagedFile
from resources.lake.tables import Lake
from resources.measuring.recorded import once, record_embedded, row_identities


def arrive(
    lake: Lake,
    drop: str,
    delivery: str,
    *,
    broken: int = 0,
    reading: int | None = READING,
    rereads: str | None = None,
) -> None:
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
    row |= {"reading": reading, "rereads": rereads}
    files = pa.Table.from_pylist([{"delivery": delivery, "file": "a.json", **counts}], schema=DROP_FILES.schema)
    lake.write(DROP_FILES, files, partition={}, once=delivery)
    lake.log(DROPS, lambda log: [row | counts])


def judged(success: bool, *failures: str) -> GateResult:
    """What a gate of measures says."""
    results: dict[str, Any] = {
        "gate": "measures",
        "subject": "audit",
        "success": success,
        "failures": list(failures),
        "checks": [],
        "facts": {},
    }
    return GateResult("measures", "audit", success, list(failures), [f"mend {f}" for f in failures], results)


def measured(lake: Lake, delivery: str, settings: Settings, encoder: str, *, failing: tuple[str, ...] = ()) -> None:
    """Records the delivery as embedded, measured by every audit, and gated: `failing` audits failed."""
    record_embedded(lake, delivery, encoder)
    identities = row_identities(settings, encoder)
    for name, identity in identities.items():
        lake.commit(all_audits()[name].table, [], once=once(delivery, identity))
    gates = {name: judged(False, f"{name} 1 > 0") if name in failing else judged(True) for name in identities}
    record_gates(lake, delivery, gates, identities=identities, settings=settings.gates)


def lake_of_many(place: Path, count: int, settings: Settings, encoder: str) -> Lake:
    """A lake of `count` admitted drops, each embedded, measured and gated, with as many files and transactions as came
    there one by one, but in few commits: every second drop is in the current version, and a few lack their gates."""
    lake = Lake(place)
    drops = [f"drop-{n:03d}" for n in range(count)]
    deliveries = {drop: f"{drop}-1" for drop in drops}
    _enter(lake, deliveries)
    for delivery in deliveries.values():
        record_embedded(lake, delivery, encoder)
    identities = row_identities(settings, encoder)
    for name, identity in identities.items():
        _transact(lake, all_audits()[name].table, [once(delivery, identity) for delivery in deliveries.values()])
    gated = [delivery for n, delivery in enumerate(deliveries.values()) if n % 5]
    _gate(lake, gated, identities, settings)
    published = {"version": 1, "state": "published", "deliveries": list(deliveries.values())[::2], "measures": "{}"}
    lake.log(VERSIONS, lambda log: [published | {"counts": "{}"}])
    return lake


def _enter(lake: Lake, deliveries: Mapping[str, str]) -> None:
    """Each drop has arrived with ten rows and is admitted: a file of `examples` a drop."""
    entered: list[dict[str, Any]] = []
    examples: list[StagedFile] = []
    for drop, delivery in deliveries.items():
        row = {"at": datetime.now(UTC), "drop": drop, "delivery": delivery, "source": f"from/{drop}", "rows_in": 10}
        row |= {"rows_kept": 10, "rows_quarantined": 0}
        entered += [row | {"state": state} for state in ("arrived", "admitted")]
        kept = [{"drop": drop, "delivery": delivery, "example_id": f"{delivery}{at}"} for at in range(10)]
        table = pa.Table.from_pylist(kept, schema=EXAMPLES.schema)
        examples += lake.stage(EXAMPLES, table, {"delivery": delivery})
    for start in range(0, len(entered), 5):
        lake.log(DROPS, lambda log, start=start: entered[start : start + 5])
    lake.commit(EXAMPLES, examples, once="entered")


def _transact(lake: Lake, spec: TableSpec, names: Iterable[str]) -> None:
    """Notes the names as committed, in one commit."""
    table = TableLog(f"{lake.root}/{spec.name}", spec, {}).prepare(None)
    properties = CommitProperties(app_transactions=[Transaction(name, 1) for name in names])
    partitions = list(spec.partition_by)
    table.create_write_transaction([], "append", table.schema(), partitions, commit_properties=properties)


def _gate(lake: Lake, deliveries: Sequence[str], identities: Mapping[str, str], settings: Settings) -> None:
    """Every audit's gate of these deliveries is passed."""
    first, *others = deliveries
    passed = {name: judged(True) for name in identities}
    record_gates(lake, first, passed, identities=identities, settings=settings.gates)
    rows = lake.read(MEASURES_GATES)
    at, staged = rows.schema.get_field_index("delivery"), []
    for delivery in others:
        named = rows.set_column(at, "delivery", pa.array([delivery] * rows.num_rows))
        staged += lake.stage(MEASURES_GATES, named, {})
    lake.commit(MEASURES_GATES, staged, once="gated")
    compact(lake, MEASURES_GATES)


def publish_pinned(
    lake: Lake,
    settings: Settings,
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    code: str,
    encoder: str,
) -> None:
    """Logs the next version as published, with all that it pins."""

    def rows(log: Log) -> list[dict[str, Any]]:
        pins = {"deliveries": sorted(deliveries), "policy": settings.policy.hash, "code": code, "encoder": encoder}
        texts = {"measures": measures, "config": settings.effective(), "counts": {}, "left_out": []}
        row = {"version": max(log.last_by("version"), default=0) + 1, "at": datetime.now(UTC), "state": "published"}
        return [row | pins | {name: canonical_json(value) for name, value in texts.items()}]

    lake.log(VERSIONS, rows)
