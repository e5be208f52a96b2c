"""What the gates of measures said of each delivery, kept so that it is known before any engine works.

An outcome belongs to the measures (their identity) and to the limits they were held to: with other settings, a mended
audit or a corrected delivery there is none yet, and the gate judges anew.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.ranges import has_numbers, range_of
from ops.audits.registry import all_audits
from ops.core.arrow_types import fields
from ops.core.identity import canonical_json, fingerprint
from ops.core.measure_schemas import MEASURES_GATES
from ops.gates.guards import GuardSettings
from resources.gates.gates import GateResult
from resources.lake.compaction import compact
from resources.lake.tables import Lake

_READ = ["delivery", "at", "audit", "identity", "limits", "success", "failures", "fixes"]
_OUTCOME = ("audit", "identity", "limits", "success", "failures", "fixes")


@dataclass(frozen=True, slots=True)
class MeasuresGate:
    """Whether a delivery's measures by an audit are what they should be, and if not, why and what to do."""

    delivery: str
    audit: str
    success: bool
    failures: tuple[str, ...]
    fixes: tuple[str, ...]


def limits_of(audit: Audit, settings: GuardSettings) -> str:
    """Identity of what the gate holds an audit's measures to: the ranges it declares, and the limit that is set."""
    declared = {column.name: repr(range_of(column)) for column in fields(audit.columns) if has_numbers(column)}
    return fingerprint(declared, settings.abstention_limit)


def record_gates(
    lake: Lake,
    delivery: str,
    gates: Mapping[str, GateResult],
    *,
    identities: Mapping[str, str],
    settings: GuardSettings,
) -> None:
    """Keeps what the gates of these audits' measures of a delivery said; nothing where the lake says so already."""
    rows = [
        {
            "delivery": delivery,
            "at": datetime.now(UTC),
            "audit": audit,
            "identity": identities[audit],
            "limits": limits_of(all_audits()[audit], settings),
            "success": gate.success,
            "failures": gate.failures,
            "fixes": gate.fixes,
            "gate_results": canonical_json(gate.results),
        }
        for audit, gate in sorted(gates.items())
    ]
    present = lake.read(MEASURES_GATES, where={"delivery": delivery}, columns=_READ).to_pylist()
    last = _last(present)
    new = [row for row in rows if _outcome(row) != _outcome(last.get(_key(row), {}))]
    if new:
        table = pa.Table.from_pylist(new, schema=MEASURES_GATES.schema)
        once = f"{delivery}/{len(present)}/{fingerprint([_outcome(row) for row in new])}"
        lake.write(MEASURES_GATES, table, partition={}, once=once)
        compact(lake, MEASURES_GATES)


def recorded_gates(
    lake: Lake, delivery: str, *, identities: Mapping[str, str], settings: GuardSettings
) -> dict[str, GateResult]:
    """What the gates said of the delivery's measures of these identities under these limits, whole, by audit; those
    that did not judge them are left out."""
    wanted = {
        (delivery, audit, identity, limits_of(all_audits()[audit], settings)) for audit, identity in identities.items()
    }
    known = _last(lake.read(MEASURES_GATES, where={"delivery": delivery}).to_pylist())
    gates: dict[str, GateResult] = {}
    for row in (row for key, row in known.items() if key in wanted):
        results = json.loads(row["gate_results"])
        failures: list[str] = row["failures"] or []
        fixes: list[str] = row["fixes"] or []
        gates[row["audit"]] = GateResult(results["gate"], results["subject"], row["success"], failures, fixes, results)
    return gates


def measures_gates(
    lake: Lake, deliveries: Iterable[str], *, identities: Mapping[str, str], settings: GuardSettings
) -> dict[str, dict[str, MeasuresGate]]:
    """What the gates said of these measures under these limits, by delivery and audit; nothing where none judged."""
    limits = {audit: limits_of(all_audits()[audit], settings) for audit in identities}
    wanted = list(deliveries)
    known = _last(lake.read(MEASURES_GATES, where={"delivery": wanted}, columns=_READ).to_pylist())
    gates: dict[str, dict[str, MeasuresGate]] = {delivery: {} for delivery in wanted}
    for (delivery, audit, identity, held_to), row in known.items():
        if identities.get(audit) == identity and limits[audit] == held_to:
            reasons = tuple(row["failures"] or ()), tuple(row["fixes"] or ())
            gates[delivery][audit] = MeasuresGate(delivery, audit, row["success"], *reasons)
    return gates


def _last(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {_key(row): row for row in sorted(rows, key=lambda row: row["at"])}


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["delivery"], row["audit"], row["identity"], row["limits"]


def _outcome(row: Mapping[str, Any]) -> list[Any]:
    return [row.get(name) for name in _OUTCOME]
