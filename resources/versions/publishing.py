"""Publishing: write a candidate, let a gate audit it, publish it or reject it; versions, compared and rolled back.

measures, examples -> verdicts, curated, curriculum (partition version), and rows of the `versions` log
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.registry import all_audits
from ops.core.errors import AssayError
from ops.core.identity import canonical_json, fingerprint
from ops.core.log import Log, Row, successor
from ops.core.schemas import CURATED, CURRICULUM, DROPS, EXAMPLES, IMAGES, PREFERENCES, PROMPTS, VERDICTS, VERSIONS
from ops.decision.mix import MixSettings
from ops.decision.policy import MEMBER_ACTIONS
from ops.decision.versions import (
    COUNTED,
    REMOVED,
    Diff,
    LeftOut,
    Pins,
    Version,
    current_number,
    diff,
    left_by_rollback,
    read_log,
    without_measures,
)
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.gates.mix import Mixing
from resources.lake.tables import Lake
from resources.versions.decisions import count, counted, judge, order, soft_labels


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


def build_candidate(
    lake: Lake,
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    settings: Settings,
    code: str,
    encoder: str,
    progress: Progress,
    left_out: Sequence[LeftOut] = (),
) -> Candidate:
    """Judge and order the examples of the deliveries, and write them as the next version, not yet published.

    `measures` names the identity of each audit's measures; `left_out`, which the version pins, what it is made without:
    measures that it names are not used. The same deliveries, measures, policy, curriculum and code
    give the same rows bit for bit and the same `content`; a candidate of that content which was begun before is
    finished, and one that is current already is returned as it is. Raises PublishError where rows were lost.
    """
    pins = {
        "deliveries": sorted(deliveries),
        "measures": dict(measures),
        "policy": settings.policy.hash,
        "code": code,
        "encoder": encoder,
    }
    without = without_measures(left_out)
    if without:
        pins["without"] = without
    content = fingerprint(pins, asdict(settings.curriculum), asdict(settings.mix))
    standing = _standing(lake, content)
    if standing is not None:
        return Candidate(standing.number, content, standing.counts, fresh=False)
    with progress.track("Judge examples", 3) as advance:
        judged = judge(lake, deliveries=deliveries, measures=measures, policy=settings.policy, without=without)
        _require_all_rows(lake, deliveries, judged)
        advance(1)
        members = judged.filter(pc.is_in(judged["action"], value_set=pa.array(MEMBER_ACTIONS)))
        where = {"deliveries": deliveries, "measures": measures, "without": without}
        curated, mix = _curated(lake, members, **where, settings=settings.mix)
        ordered = order(lake, members, **where, settings=settings.curriculum)
        advance(1)
        counts = count(judged) | mix
        reserved = _reserve(lake, pins, content=content, counts=counts, settings=settings, left_out=left_out)
        if reserved.fresh:
            _write(lake, reserved.version, judged=judged, curated=curated, ordered=ordered)
        advance(1)
    return reserved


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
    if "mix" not in version.counts:
        return verdicts
    members = lake.read(CURATED, where=where, columns=["example_id", "weight"])
    at = pc.index_in(verdicts["example_id"], value_set=members["example_id"].combine_chunks())
    return verdicts.append_column(COUNTED, pc.coalesce(members["weight"].take(at), verdicts["weight"]))


def _standing(lake: Lake, content: str) -> Version | None:
    """The version of this content that needs nothing done: the current one, or the one a rollback left."""
    log = Log.of(lake.read(VERSIONS))
    number = _settled(log, content)
    return next((version for version in read_log(log) if version.number == number), None)


def _settled(log: Log, content: str) -> int | None:
    settled = {current_number(log), left_by_rollback(log)} - {None}
    last = log.last_by("version")
    fits = (n for n in settled if n in last and last[n]["content"] == content and last[n]["state"] != REMOVED)
    return next(fits, None)


def _reserve(
    lake: Lake,
    pins: Mapping[str, Any],
    *,
    content: str,
    counts: dict[str, Any],
    settings: Settings,
    left_out: Sequence[LeftOut],
) -> Candidate:
    """A number for the content: the one it has, or the next."""
    chosen: list[Candidate] = []
    tables = _pinned_tables(lake, pins["measures"])

    def rows(log: Log) -> list[Row]:
        settled = _settled(log, content)
        known = {version.content: version.number for version in read_log(log) if version.state != REMOVED}
        number = settled or known.get(content) or max(log.last_by("version"), default=0) + 1
        chosen[:] = [Candidate(number, content, counts, fresh=settled is None)]
        if settled is not None:
            return []
        row = {
            "version": number,
            "at": datetime.now(UTC),
            "state": "candidate",
            "parent": current_number(log),
            "content": content,
            "deliveries": pins["deliveries"],
            "left_out": canonical_json([asdict(one) for one in left_out]),
            "measures": canonical_json(pins["measures"]),
            "tables": canonical_json(tables),
            "policy": pins["policy"],
            "config": canonical_json(settings.effective()),
            "code": pins["code"],
            "encoder": pins["encoder"],
            "counts": canonical_json(counts),
            "gate_results": None,
        }
        return [row]

    lake.log(VERSIONS, rows)
    return chosen[0]


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


def _curated(
    lake: Lake,
    members: pa.Table,
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    without: Mapping[str, Sequence[str]],
    settings: MixSettings,
) -> tuple[pa.Table, dict[str, Any]]:
    """The rows of `curated`, and what the target mix did to their weights, for the counts; nothing without one."""
    labels = soft_labels(lake, members, deliveries=deliveries, measures=measures)
    curated = members.select(["delivery", "example_id", "kind", "weight"]).append_column("soft_label", labels)
    if settings.visual_share is None:
        return curated, {}
    mixing = Mixing(lake, deliveries=deliveries, measures=measures, settings=settings, without=without)
    weights, mix = mixing.weights(curated)
    return curated.set_column(curated.schema.get_field_index("weight"), "weight", weights), {"mix": asdict(mix)}


def _write(lake: Lake, number: int, *, judged: pa.Table, curated: pa.Table, ordered: pa.Table) -> None:
    for spec, rows in ((VERDICTS, judged), (CURATED, curated), (CURRICULUM, ordered)):
        lake.write(spec, _numbered(rows, number), partition={"version": number}, once=f"version-{number}")


def _numbered(rows: pa.Table, number: int) -> pa.Table:
    return rows.add_column(0, "version", pa.repeat(pa.scalar(number, pa.int64()), rows.num_rows))


def _require_all_rows(lake: Lake, deliveries: Sequence[str], judged: pa.Table) -> None:
    """Every row that a delivery kept must have exactly one verdict."""
    log = Log.of(lake.read(DROPS, where={"delivery": list(deliveries)}))
    promised = {delivery: row["rows_kept"] for delivery, row in log.last_by("delivery").items()}
    verdicts = counted(judged["delivery"])
    wrong = [
        f"{d}: {promised.get(d)} kept, {verdicts.get(d, 0)} judged"
        for d in deliveries
        if promised.get(d) != verdicts.get(d, 0)
    ]
    distinct = pc.count_distinct(judged["example_id"]).as_py()
    if wrong:
        raise PublishError(f"rows were lost between ingest and verdicts ({'; '.join(wrong)}); nothing was published")
    if distinct != judged.num_rows:
        raise PublishError(f"{judged.num_rows - distinct} example ids occur twice; nothing was published")


def _pinned_tables(lake: Lake, measures: Mapping[str, str]) -> dict[str, int]:
    specs = [EXAMPLES, IMAGES, PREFERENCES, PROMPTS, *(all_audits()[name].table for name in sorted(measures))]
    return {spec.name: lake.version(spec) for spec in specs}


def _entered(row: Row, state: str, gate_results: Mapping[str, object]) -> Row:
    return successor(row, state=state, at=datetime.now(UTC), gate_results=json.dumps(gate_results, default=str))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
