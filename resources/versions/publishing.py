"""Publishing: a candidate that its gate audited is published or rejected; versions, compared and rolled back.

rows of the `versions` log; candidates.py makes candidates
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ops.core.arrow import index_in
from ops.core.errors import AssayError
from ops.core.log import Log, Row, successor
from ops.core.version_schemas import CURATED, VERDICTS, VERSIONS
from ops.decision.version_diff import COUNTED, Diff, Pins, diff
from ops.decision.versions import REMOVED, Version, current_number, left_by_rollback, read_log
from resources.lake.tables import Lake


class PublishError(AssayError, ValueError):
    """A version that cannot be made or published: says what stands in the way and what to do."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that waits for its gate.

    `content` is the hash of everything that decides its rows. `fresh` is False where these rows are a version already:
    the current one, or the one that a rollback left on purpose; publishing it then changes nothing.
    """

    version: int
    content: str
    counts: dict[str, Any]
    fresh: bool


def publish(lake: Lake, candidate: Candidate, gate_results: Mapping[str, object]) -> bool:
    """Make the candidate the current version; False where it is already.

    Raises PublishError where another version was published since the candidate was built: its figures were gated
    against another state of things.
    """
    return bool(candidate.fresh and lake.log(VERSIONS, lambda log: _publish_rows(log, candidate, gate_results)))


def reject(lake: Lake, candidate: Candidate, gate_results: Mapping[str, object]) -> None:
    """Record that the candidate failed its gate; the version published before stays current."""

    def rows(log: Log) -> list[Row]:
        last = log.last_by("version")[candidate.version]
        return [_entered(last, "rejected", gate_results)] if last["state"] == "candidate" else []

    if candidate.fresh:
        lake.log(VERSIONS, rows)


def rollback(lake: Lake, number: int) -> bool:
    """Make an earlier version current again by one more row of the log; False where it is current.

    Until something changes, later runs leave it so. Raises PublishError where it was never published.
    """

    def rows(log: Log) -> list[Row]:
        before = current_number(log)
        known = [version.number for version in read_log(log) if version.state == "published"]
        if number not in known:
            raise PublishError(f"version {number} was never published, or was removed; published are {_listed(known)}")
        if number == before:
            return []
        return [_entered(log.last_by("version")[number], "published", {"rollback_from": before})]

    return bool(lake.log(VERSIONS, rows))


def versions(lake: Lake) -> list[Version]:
    """Every version that was begun, by number."""
    return read_log(Log.of(lake.read(VERSIONS)))


def gate_result(lake: Lake, number: int) -> dict[str, Any] | None:
    """The last result of the version's own gate; None where it was not gated. A rollback's row says where it came from
    and has none."""
    log = Log.of(lake.read(VERSIONS, where={"version": number}))
    results = [json.loads(row["gate_results"] or "{}") for row in log.rows]
    return next((result for result in reversed(results) if "checks" in result), None)


def current_version(lake: Lake) -> int | None:
    """Number of the version that is current; None before the first."""
    return current_number(Log.of(lake.read(VERSIONS)))


def version_of(lake: Lake, number: int) -> Version:
    """One version by number; PublishError, naming those there are, where there is none."""
    known = {version.number: version for version in versions(lake)}
    if number not in known:
        raise PublishError(f"there is no version {number}; there are {_listed(list(known))}")
    return known[number]


def compare(lake: Lake, before: int, after: int) -> Diff:
    """What changed between two versions, each example with its cause."""
    versions = (version_of(lake, before), version_of(lake, after))
    pins = (Pins.of(versions[0].row), Pins.of(versions[1].row))
    return diff(_judged(lake, versions[0]), _judged(lake, versions[1]), numbers=(before, after), pins=pins)


def _judged(lake: Lake, version: Version) -> pa.Table:
    """The verdicts of a version, and what each counts for where a target mix changed that."""
    where = {"version": version.number}
    verdicts = lake.read(VERDICTS, where=where)
    if not {"mix", "raised"} & version.counts.keys():
        return verdicts
    members = lake.read(CURATED, where=where, columns=["example_id", "weight"])
    at = index_in(verdicts["example_id"], members["example_id"])
    return verdicts.append_column(COUNTED, pc.coalesce(members["weight"].take(at), verdicts["weight"]))


def settled(log: Log, content: str) -> int | None:
    """Number of the version of this content that needs nothing done: the current one, or the one a rollback left."""
    standing = {current_number(log), left_by_rollback(log)} - {None}
    last = log.last_by("version")
    fits = (n for n in standing if n in last and last[n]["content"] == content and last[n]["state"] != REMOVED)
    return next(fits, None)


def _publish_rows(log: Log, candidate: Candidate, gate_results: Mapping[str, object]) -> list[Row]:
    current = current_number(log)
    last = log.last_by("version")[candidate.version]
    if last["state"] == "published" and current == candidate.version:
        return []
    if last["parent"] != current:
        raise PublishError(
            f"version {candidate.version} was built on version {last['parent']}, but {current} is current now; "
            "run again to build on it"
        )
    return [_entered(last, "published", gate_results)]


def _entered(row: Row, state: str, gate_results: Mapping[str, object]) -> Row:
    return successor(row, state=state, at=datetime.now(UTC), gate_results=json.dumps(gate_results, default=str))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
