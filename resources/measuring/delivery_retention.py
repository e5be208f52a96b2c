"""Measures of single deliveries under settings that nobody uses any more give their room back.

By the rules of measures of the corpus (resources/measuring/corpus_retention.py): needed are measures that a kept
version pins, the last ones of each audit and delivery, and young ones. Which are the last is said by their gates, which
judge what was measured; what was not judged yet is left alone. The outcomes of gates stay.

gate_outcomes, versions -> measures_<audit> (without)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from ops.audits.registry import all_audits
from ops.core.arrow import rows_of
from ops.core.measure_schemas import MEASURES_GATES
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.corpus_retention import AGE, Retired, kept_measures
from resources.measuring.recorded import once


class _Outcome(TypedDict):
    """A row of `gate_outcomes`."""

    audit: str
    delivery: str
    identity: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Judged:
    """Measures of a delivery that a gate judged."""

    audit: str
    delivery: str
    identity: str


def retire_delivery_measures(lake: Lake, *, age: timedelta = AGE, dry_run: bool = False) -> Retired:
    """Retires the measures of single deliveries that are older than `age` and that nothing needs."""
    before = datetime.now(UTC) - age
    gone: list[list[Part]] = []
    for judged in _needless(lake, before):
        table, where = all_audits()[judged.audit].table, {"delivery": judged.delivery, "identity": judged.identity}
        parts = lake.parts(table, where=where)
        # Who went back to these settings made them anew, and the gate had said all about them before.
        if parts and last_made(lake, table.name, parts) >= before:
            continue
        name = once(judged.delivery, judged.identity)
        if not (lake.committed(table, name) if dry_run else lake.revoke(table, where=where, once=name)):
            continue
        gone.append(parts)
    return Retired.of(gone)


def _needless(lake: Lake, before: datetime) -> Iterator[_Judged]:
    judged_at: dict[_Judged, datetime] = {}
    for batch in lake.batches(MEASURES_GATES, columns=["delivery", "audit", "identity", "at"]):
        for row in rows_of(batch, _Outcome):
            judged, at = _Judged(row["audit"], row["delivery"], row["identity"]), row["at"]
            judged_at[judged] = max(at, judged_at.get(judged, at))
    last = {(judged.audit, judged.delivery): judged for judged, _ in sorted(judged_at.items(), key=lambda row: row[1])}
    kept = kept_measures(lake)
    for judged, at in judged_at.items():
        is_pinned = judged.delivery in kept.get((judged.audit, judged.identity), ())
        is_last = last[judged.audit, judged.delivery] == judged
        if judged.audit in all_audits() and at < before and not is_pinned and not is_last:
            yield judged


def last_made(lake: Lake, table: str, parts: list[Part]) -> datetime:
    """When the youngest of these files was written; now where there is none, or where the storage does not say."""
    filesystem, base = lake.storage.open()
    infos = filesystem.get_file_info([f"{base}/{table}/{part.path}" for part in parts]) if parts else []
    return max((info.mtime or datetime.now(UTC) for info in infos), default=datetime.now(UTC))
