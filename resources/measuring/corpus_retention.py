"""Measures of the corpus that nothing needs any more give their room back.

Each night writes measures of all its deliveries, so that those of the nights before pile up. Needed are measures that a
kept version pins, the last ones of each family that such a version or the last night uses, which the next night is made
from, and young ones, which a run may be about to pin. The others leave their tables, and are made anew where they are
asked for once more; their files go with those that nothing refers to (resources/lake/housekeeping.py).

corpus_jobs, versions -> measures_<audit> (without), corpus_jobs (retired)
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.audits.registry import all_audits
from ops.core.log import Log
from ops.core.measure_schemas import CORPUS_JOBS
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import REMOVED, read_log
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.corpus_jobs import Job, last_states, record_retired

AGE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Retired:
    """What was retired, or would be: partitions (as of an audit's measures over certain deliveries), rows and bytes."""

    partitions: int
    rows: int
    bytes: int

    @classmethod
    def of(cls, partitions: Sequence[Sequence[Part]]) -> "Retired":
        """The partitions, each by its files."""
        files = [part for parts in partitions for part in parts]
        return cls(len(partitions), sum(part.rows for part in files), sum(part.size for part in files))


def retire_measures(lake: Lake, *, age: timedelta = AGE, dry_run: bool = False) -> Retired:
    """Retires the measures of corpus audits that are older than `age` and that nothing needs."""
    gone: list[list[Part]] = []
    for job in _needless(lake, datetime.now(UTC) - age):
        table, where = all_audits()[job.audit].table, {"identity": job.identity}
        parts = lake.parts(table, where=where)
        if not dry_run:
            lake.revoke(table, where=where, once=job.identity)
            record_retired(lake, job)
        gone.append(parts)
    return Retired.of(gone)


def _needless(lake: Lake, before: datetime) -> Iterator[Job]:
    done = [row for row in last_states(Log.of(lake.read(CORPUS_JOBS))) if row["state"] == "done"]
    newest = {row["family"]: row["identity"] for row in done}
    kept = kept_measures(lake)
    in_use = {*{row["audit"]: row["family"] for row in done}.values()}
    in_use |= {row["family"] for row in done if (row["audit"], row["identity"]) in kept}
    for row in done:
        is_last = row["family"] in in_use and newest[row["family"]] == row["identity"]
        is_needed = is_last or (row["audit"], row["identity"]) in kept
        if row["audit"] in all_audits() and row["at"] < before and not is_needed:
            yield Job(row["audit"], row["family"], row["identity"], row["deliveries"])


def kept_measures(lake: Lake) -> dict[tuple[str, str], set[str]]:
    """Audits and identities of the measures that kept versions are made from, with the deliveries that these hold."""
    kept: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for version in read_log(Log.of(lake.read(VERSIONS))):
        if version.state != REMOVED:
            for pair in json.loads(version.row["measures"] or "{}").items():
                kept[pair].update(version.row["deliveries"] or ())
    return dict(kept)
