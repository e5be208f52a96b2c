"""Candidates: the rows of a next version, written and not yet published.

measures, examples -> verdicts, curated, curriculum (partition version), and a row of the `versions` log
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ops.audits.contract import Scope
from ops.audits.registry import all_audits
from ops.core.errors import MissingError
from ops.core.identity import canonical_json, fingerprint
from ops.core.log import Log, Row
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS, TableSpec
from ops.core.version_schemas import DECISIONS, VERSIONS
from ops.decision.versions import REMOVED, LeftOut, current_number, read_log, without_measures
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.tasks import tasks_for
from resources.lake.shares import SHARE_ROWS, rows_kept, shares_of
from resources.lake.stored_measures import Without, used
from resources.lake.tables import Lake
from resources.measuring.recorded import once
from resources.versions.agreed_labels import labels_identity, weighed_labels
from resources.versions.canary_chances import PINNED
from resources.versions.decisions import Grounds
from resources.versions.making import Made, make
from resources.versions.person_decisions import decisions_identity, standing_decisions
from resources.versions.publishing import Candidate, PublishError, settled, version_of
from resources.versions.raising import raising_of


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
    share_rows: int = SHARE_ROWS,
) -> Candidate:
    """Judge and order the examples of the deliveries, and write them as the next version, not yet published.

    `measures` names the identity of each audit's measures; `left_out`, which the version pins, what it is made without:
    measures that it names are not used. The same deliveries, measures, policy, decisions of persons, curriculum and
    code give the same rows bit for bit and the same `content`, whatever the shares of `share_rows` in which it is made;
    a candidate of that content which was begun before is finished, and one that is current already is returned as it
    is. Raises PublishError where rows were lost, UnusableError where `mix.checkpoint` names none that was audited, and
    MissingError where measures were retired meanwhile.
    """
    tables = {spec.name: lake.version(spec) for spec in _specs(measures)}
    without = without_measures(left_out)
    _require_unretired(lake, measures, deliveries, without)
    raising = raising_of(lake, settings.mix, encoder)
    pins = _pins(deliveries, measures, settings, code=code, encoder=encoder, without=without)
    pins |= _of_persons(lake, tables) | ({"raising": raising.identity} if raising else {})
    content = fingerprint(pins, asdict(settings.curriculum), asdict(settings.mix))
    standing = settled(Log.of(lake.read(VERSIONS)), content)
    if standing is not None:
        return Candidate(standing, content, version_of(lake, standing).counts, fresh=False)
    row = _entry(content, pins, tables, settings, left_out)
    grounds = Grounds(
        lake=lake,
        pinned=tables,
        deliveries=tuple(deliveries),
        measures=dict(measures),
        policy=settings.policy,
        curriculum=settings.curriculum,
        mix=settings.mix,
        without=pins.get("without", {}),
        raising=raising,
    )
    return _made(grounds, row, share_rows, progress)


def _entry(
    content: str,
    pins: Mapping[str, Any],
    tables: Mapping[str, int],
    settings: Settings,
    left_out: Sequence[LeftOut],
) -> Row:
    """What the log of versions says of a candidate, whatever comes of it."""
    return {
        "content": content,
        **{name: pins[name] for name in ("deliveries", "policy", "code", "encoder")},
        "left_out": canonical_json([asdict(part) for part in left_out]),
        "measures": canonical_json(pins["measures"]),
        "tables": canonical_json(tables),
        "config": canonical_json(settings.effective()),
    }


def _require_unretired(lake: Lake, measures: Mapping[str, str], deliveries: Sequence[str], without: Without) -> None:
    """Measures that were old and pinned by no version may have been retired since this run saw them."""
    gone: list[str] = []
    for name, identity in measures.items():
        audit = all_audits()[name]
        own = [once(delivery, identity) for delivery in used(deliveries, without, name)]
        if lake.revoked_of(audit.table, [identity] if audit.scope is Scope.CORPUS else own):
            gone.append(name)
    if gone:
        raise MissingError(f"the corpus is not measured by {', '.join(gone)} any more; run `assay run` again")


def _made(grounds: Grounds, row: Row, share_rows: int, progress: Progress) -> Candidate:
    """The candidate, made under the number that it will have; made again where another writer took that meanwhile."""
    lake, deliveries = grounds.lake, grounds.deliveries
    kept = rows_kept(lake, deliveries)
    tasks, shares = tasks_for(sum(kept.values()), lake), shares_of(kept, share_rows)
    while True:
        number = _number_for(Log.of(lake.read(VERSIONS)), row["content"])
        made = make(tasks, grounds, shares, number, progress)
        _require_all_rows(kept, made)
        candidate = _reserve(lake, row, made.counts)
        if candidate.fresh and candidate.version == number:
            for spec, files in made.files:
                lake.commit(spec, files, once=f"version-{number}")
            return candidate
        for spec, files in made.files:
            lake.discard(spec, files)
        if not candidate.fresh:
            return candidate


def _pins(
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    settings: Settings,
    *,
    code: str,
    encoder: str,
    without: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    pins: dict[str, Any] = {
        "deliveries": sorted(deliveries),
        "measures": dict(measures),
        "policy": settings.policy.hash,
        "code": code,
        "encoder": encoder,
    }
    return pins | ({"without": without} if without else {})


def _of_persons(lake: Lake, tables: Mapping[str, int]) -> dict[str, str]:
    """Identities of what persons decided, and of what they labelled where that may correct chances."""
    decided = decisions_identity(standing_decisions(lake, tables[DECISIONS.name]))
    labelled = labels_identity(weighed_labels(lake, tables))
    return {name: known for name, known in (("decisions", decided), ("labels", labelled)) if known}


def _specs(measures: Mapping[str, str]) -> list[TableSpec]:
    """The tables that a version is made from, and those that tell how right its rules are."""
    audits = (all_audits()[name].table for name in sorted(measures))
    return [EXAMPLES, IMAGES, PREFERENCES, PROMPTS, DECISIONS, *PINNED, *audits]


def _number_for(log: Log, content: str) -> int:
    """The number that the content has, or the next."""
    known = {version.content: version.number for version in read_log(log) if version.state != REMOVED}
    return settled(log, content) or known.get(content) or max(log.last_by("version"), default=0) + 1


def _reserve(lake: Lake, row: Row, counts: Mapping[str, Any]) -> Candidate:
    """Enter the candidate in the log, under the number of its content or the next."""
    chosen: list[Candidate] = []

    def rows(log: Log) -> list[Row]:
        number = _number_for(log, row["content"])
        fresh = settled(log, row["content"]) is None
        chosen[:] = [Candidate(number, row["content"], dict(counts), fresh=fresh)]
        entry = {"version": number, "at": datetime.now(UTC), "state": "candidate", "parent": current_number(log)}
        return [{**row, **entry, "counts": canonical_json(counts), "gate_results": None}] if fresh else []

    lake.log(VERSIONS, rows)
    return chosen[0]


def _require_all_rows(kept: Mapping[str, int], made: Made) -> None:
    """Every row that a delivery kept must have exactly one verdict."""
    wrong = [
        f"{d}: {rows} kept, {made.judged.get(d, 0)} judged" for d, rows in kept.items() if rows != made.judged.get(d, 0)
    ]
    if wrong:
        raise PublishError(f"rows were lost between ingest and verdicts ({'; '.join(wrong)}); nothing was published")
    if made.repeated:
        raise PublishError(f"{made.repeated} example ids occur twice; nothing was published")
