"""A delivery's canaries: a sample of its rows, some of them damaged in memory, measured by the audits that look for
what was done to them.

a few parts of `examples` + what was gathered for them -> `canaries`, `canary_rules`

One worker does it; nothing of a damaged row is staged, so that none can be published.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.canaries.damage import FAULTS, canaries
from ops.canaries.outcome import CanaryOutcome, RuleOutcome, flagged_rows, outcomes, rule_outcomes, rules_on
from ops.core.identity import digest, fingerprint
from ops.core.measure_schemas import CANARIES, CANARY_RULES
from ops.core.schemas import EXAMPLES, TableSpec
from ops.decision.policy import Policy
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.engines.ray_types import Reference, get, get_all
from resources.lake.compaction import compact
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.evidence import Evidence, part_inputs
from resources.measuring.examples import example_batches
from resources.measuring.recorded import once, row_audits

#: Own rows beside the canaries, and canaries of a kind: enough for an interval of a tenth on either side.
_OWN, _EACH = 2000, 100
#: Own rows for each canary of a kind, at least: more canaries would change what they are measured beside.
_ROWS_EACH = 20
#: Raised when other canaries are made of the same rows, or more is told of them.
_REVISION = 2


@dataclass(frozen=True, slots=True)
class Flight:
    """What canaries are judged by: the audits that measure them, and the rules that act on what these measure.
    `identity` names both."""

    audits: tuple[Audit, ...]
    policy: Policy
    identity: str


def missing_flight(lake: Lake, delivery: str, *, settings: Settings, identities: Mapping[str, str]) -> Flight | None:
    """What the delivery's canaries are still to be judged by under these settings; None where that was done, or no rule
    acts on an audit that looks for what is done to canaries. `identities` are those of the audits' measures."""
    telling = [audit for audit in row_audits() if audit.name in identities and _tells(audit)]
    policy = rules_on(settings.policy, telling, FAULTS)
    if not policy.rules:
        return None
    named = {name: identities[name] for name in policy.audits}
    identity = fingerprint("canaries", _REVISION, policy.hash, named)
    if lake.committed(CANARIES, once(delivery, identity)):
        return None
    return Flight(tuple(audit for audit in telling if audit.name in named), policy, identity)


def fly_canaries(
    lake: Lake,
    delivery: str,
    flight: Flight,
    *,
    parts: Sequence[Part],
    evidence: Evidence,
    settings: Settings,
    progress: Progress,
) -> None:
    """Measures and judges canaries made of rows of the delivery, which lies in these parts, and commits what came of
    it. `evidence` is what was gathered for the parts."""
    places = _sampled(evidence.gathered.files)
    pieces = tuple(piece for place in places for piece in evidence.gathered.pieces[place])
    audits = {audit.name: settings.audit(audit.name) for audit in flight.audits}
    job = _Job(tuple(parts[place] for place in places), pieces, audits, flight.policy)
    jobs = [job] if places else []  # none of a delivery that shows nothing
    judge = partial(_judged, lake=lake, shared=evidence.shared)
    judged = list(ray_map(judge, jobs, progress=progress, label="Measure canaries", total=len(jobs)))
    now = datetime.now(UTC)

    def record(spec: TableSpec, results: Iterable[CanaryOutcome | RuleOutcome]) -> None:
        keys = {"delivery": delivery, "identity": flight.identity, "at": now}
        table = pa.Table.from_pylist([asdict(outcome) | keys for outcome in results], schema=spec.schema)
        lake.write(spec, table, partition={}, once=once(delivery, flight.identity))
        compact(lake, spec)

    # Those of audits last: their commit says that the canaries flew.
    record(CANARY_RULES, (outcome for _, by_rule in judged for outcome in by_rule))
    record(CANARIES, (outcome for by_audit, _ in judged for outcome in by_audit))


@dataclass(frozen=True, slots=True)
class _Job:
    """Parts of the delivery, references to what was gathered for them, the settings of each audit, and the rules."""

    parts: tuple[Part, ...]
    pieces: tuple[Reference, ...]
    audits: Mapping[str, Any]
    policy: Policy


def _sampled(pictured: Sequence[Mapping[str | None, int]]) -> list[int]:
    """Places of the parts that canaries are made of, given the examples with pictures in each: those with most, until
    there are enough."""
    counts = [sum(files.values()) for files in pictured]
    places: list[int] = []
    for place in sorted(range(len(counts)), key=lambda place: (-counts[place], place)):
        if counts[place] and sum(counts[taken] for taken in places) < _OWN:
            places.append(place)
    return places


def _tells(audit: Audit) -> bool:
    """Whether the audit looks for a canary's fault by what is known of other rows. Phrases would have to be sought in
    pictures anew, and what is fitted is fitted to sound rows of all parts."""
    return bool(set(FAULTS) & set(audit.faults)) and audit.phrases is None and audit.fit is None


def _judged(job: _Job, *, lake: Lake, shared: Reference) -> tuple[list[CanaryOutcome], list[RuleOutcome]]:
    """Runs in a worker."""
    inputs = part_inputs(get_all(job.pieces), get(shared))
    examples = pa.concat_tables([EXAMPLES.schema.empty_table(), *example_batches(lake, job.parts)])
    drawn = [digest(f"own {name}") for name in examples["example_id"].to_pylist()]
    rows = sorted(range(len(drawn)), key=drawn.__getitem__)[:_OWN]
    own = examples.take(pa.array(sorted(rows), pa.int64()))
    made = canaries(own, each=min(_EACH, len(own) // _ROWS_EACH))
    audits = [all_audits()[name] for name in job.audits]
    measures: dict[str, pa.Table] = {}
    for audit in audits:
        beside = replace(inputs, examples=pa.concat_tables([own, made.of(audit.faults)]))
        measures[audit.name] = audit.measure(beside, job.audits[audit.name])
    flagged = flagged_rows(pa.concat_tables([own, made.examples]), measures, job.policy)
    by_audit = outcomes(made.faults, flagged, job.policy, audits)
    return by_audit, rule_outcomes(made.faults, flagged, measures, job.policy, audits)
