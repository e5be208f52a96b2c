"""A delivery's canaries: a sample of its rows, some of them damaged in memory, measured by the audits that look for
what was done to them.

a few parts of `examples` + what was gathered for them -> `canaries`, `canary_rules`, `canary_groups`, `canary_chances`

One worker does it; nothing of a damaged row is staged, so that none can be published. What a damaged text says anew is
embedded as the texts of evaluation sets are: its vector is kept by the text's hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances, fitted_chances
from ops.canaries.comparisons import texts_of
from ops.canaries.damage import FAULTS, ROWS_EACH, Canaries, canaries
from ops.canaries.groups import Group, GroupOutcome, alike_pictures, group_outcomes
from ops.canaries.outcome import CanaryOutcome, RuleOutcome, flagged_rows, outcomes, rule_outcomes, rules_on
from ops.core.identity import digest, fingerprint, text_id
from ops.core.log import Row
from ops.core.measure_schemas import CANARIES
from ops.core.schemas import BOXES, EXAMPLES
from ops.core.vectors import Vectors, joined
from ops.decision.policy import Policy
from ops.vision.regions import EVERYDAY, NO_REGIONS, Phrase, RegionTable, naming
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.engines.ray_types import Reference, get, get_all, put
from resources.gates.overrides import PICTURES
from resources.gates.removal import resolutions, row_groups
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.evidence import Evidence, part_inputs
from resources.measuring.examples import example_batches, example_boxes
from resources.measuring.flights import record_flight
from resources.measuring.recorded import once, row_audits
from resources.models.embedding import embed_contents
from resources.models.phrase_regions import locate
from resources.models.stored_vectors import embedded_ids, load_vectors

#: Own rows beside the canaries, and canaries of a kind: enough for an interval of a tenth on either side.
_OWN, _EACH = 2000, 100
#: Rows of a kind whose canaries among the corpus (corpus_canaries.py) will be compared by vectors. Their texts are
#: embedded here, where the encoder is at work anyway.
_COMPARED = 60
#: Raised when other canaries are made of the same rows, or more is told of them.
_REVISION = 6


@dataclass(frozen=True, slots=True)
class Flight:
    """What canaries are judged by: the audits that measure them by this encoder's vectors, with the identities of their
    measures, and the rules that act on what these measure. `identity` names all."""

    audits: tuple[Audit, ...]
    measures: Mapping[str, str]
    policy: Policy
    encoder: str
    identity: str


def missing_flight(
    lake: Lake, delivery: str, *, settings: Settings, encoder: str, identities: Mapping[str, str]
) -> Flight | None:
    """What the delivery's canaries are still to be judged by under these settings; None where that was done, or no rule
    acts on an audit that looks for what is done to canaries. `identities` are those of the audits' measures."""
    telling = [audit for audit in row_audits() if audit.name in identities and _tells(audit, settings)]
    policy = rules_on(settings.policy, telling, FAULTS)
    if not policy.rules:
        return None
    named = {name: identities[name] for name in policy.audits}
    identity = fingerprint("canaries", _REVISION, policy.hash, named)
    if lake.committed(CANARIES, once(delivery, identity)):
        return None
    return Flight(tuple(audit for audit in telling if audit.name in named), named, policy, encoder, identity)


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
    it. `evidence` is what was gathered for the parts; what canaries want beside it is embedded and found here."""
    places = _sampled(evidence.gathered.files)
    pieces = tuple(piece for place in places for piece in evidence.gathered.pieces[place])
    audits = {audit.name: settings.audit(audit.name) for audit in flight.audits}
    job = _Job(tuple(parts[place] for place in places), pieces, audits, flight.policy)
    jobs = [job] if places else []  # none of a delivery that shows nothing
    want = partial(_wanted, lake=lake, shared=evidence.shared)
    wishes = list(ray_map(want, jobs, progress=progress, label="Damage rows in memory", total=len(jobs)))
    look = partial(_looked_for, lake, settings=settings, encoder=flight.encoder, progress=progress)
    beside = [put(look(wish)) for wish in wishes]
    judge = partial(_judged, lake=lake, shared=evidence.shared)
    pairs = list(zip(jobs, beside, strict=True))
    judged = list(ray_map(judge, pairs, progress=progress, label="Measure canaries", total=len(pairs)))
    fitted = [chances for flown in judged for chances in flown.chances]
    record_flight(
        lake,
        delivery,
        flight.identity,
        datetime.now(UTC),
        audits=(outcome for flown in judged for outcome in flown.by_audit),
        rules=(outcome for flown in judged for outcome in flown.by_rule),
        chances=[chances.row | {"measures": flight.measures[chances.audit]} for chances in fitted],
        groups=[outcome for flown in judged for outcome in flown.groups],
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found of canaries, and what their scores tell of own rows."""

    by_audit: list[CanaryOutcome]
    by_rule: list[RuleOutcome]
    chances: list[AuditChances]
    groups: list[GroupOutcome]


@dataclass(frozen=True, slots=True)
class _Job:
    """Parts of the delivery, references to what was gathered for them, the settings of each audit, and the rules."""

    parts: tuple[Part, ...]
    pieces: tuple[Reference, ...]
    audits: Mapping[str, Any]
    policy: Policy


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What canaries are measured by beside what the delivery is: texts, and phrases to be found in pictures, those of
    the own rows among them."""

    texts: frozenset[str]
    phrases: frozenset[Phrase]


@dataclass(frozen=True, slots=True)
class _Beside:
    """The vectors of those texts, and the places of those phrases."""

    texts: Vectors
    regions: RegionTable


def _sampled(pictured: Sequence[Mapping[str | None, int]]) -> list[int]:
    """Places of the parts that canaries are made of, given the examples with pictures in each: those with most, until
    there are enough."""
    counts = [sum(files.values()) for files in pictured]
    places: list[int] = []
    for place in sorted(range(len(counts)), key=lambda place: (-counts[place], place)):
        if counts[place] and sum(counts[taken] for taken in places) < _OWN:
            places.append(place)
    return places


def _tells(audit: Audit, settings: Settings) -> bool:
    """Whether the audit looks for a canary's fault by what is known of rows without a model's answers: a
    vision-language model is not asked about canaries."""
    asks = audit.uses_likelihoods and settings.audit(audit.name).vlm
    return bool(set(FAULTS) & set(audit.faults)) and not asks


def _drawn(job: _Job, lake: Lake) -> tuple[pa.Table, pa.Table, Canaries]:
    """Own rows, their boxes, and the canaries that are made of them."""
    examples = pa.concat_tables([EXAMPLES.schema.empty_table(), *example_batches(lake, job.parts)])
    drawn = [digest(f"own {name}") for name in examples["example_id"].to_pylist()]
    rows = sorted(range(len(drawn)), key=drawn.__getitem__)[:_OWN]
    own = examples.take(pa.array(sorted(rows), pa.int64()))
    boxes = example_boxes(lake, own) if own.num_rows else BOXES.schema.empty_table()
    return own, boxes, canaries(own, boxes, each=min(_EACH, len(own) // ROWS_EACH))


def _wanted(job: _Job, *, lake: Lake, shared: Reference) -> _Wanted:
    """Runs in a worker."""
    own, boxes, made = _drawn(job, lake)
    colours = part_inputs(get_all(job.pieces), get(shared)).colours
    texts = set(texts_of(own, each=_COMPARED))
    phrases: set[Phrase] = set()
    for audit in (all_audits()[name] for name in job.audits):
        flown = made.of(audit.faults)
        texts.update(audit.texts(flown) if audit.texts else ())
        phrases.update(audit.phrases(pa.concat_tables([own, flown]), colours) if audit.phrases else ())
        phrases.update(audit.box_phrases(boxes) if audit.box_phrases else ())
    if phrases:
        texts |= {phrase.text for phrase in phrases} | {naming(thing) for thing in EVERYDAY}
    return _Wanted(frozenset(texts), frozenset(phrases))


def _looked_for(lake: Lake, wanted: _Wanted, *, settings: Settings, encoder: str, progress: Progress) -> _Beside:
    """Embeds and finds what is not known from the delivery, a few hundred texts and phrases at most."""
    ids = {text_id(text): text for text in wanted.texts}
    known = embedded_ids(lake, encoder, "text", ids.keys())
    if new := [text for key, text in sorted(ids.items()) if key not in known]:
        embed_contents(lake, (), new, settings=settings.encoder, embedding=settings.embedding, progress=progress)
    vectors = load_vectors(lake, encoder, "text", ids.keys())
    if not wanted.phrases:
        return _Beside(vectors, NO_REGIONS)
    return _Beside(vectors, locate(lake, wanted.phrases, texts=vectors, encoder=settings.encoder, progress=progress))


def _judged(flown: tuple[_Job, Reference], *, lake: Lake, shared: Reference) -> _Judged:
    """Runs in a worker."""
    job, known = flown[0], get(flown[1])
    inputs = part_inputs(get_all(job.pieces), get(shared))
    own, boxes, made = _drawn(job, lake)
    boxes = pa.concat_tables([boxes, made.boxes])
    inputs = replace(inputs, texts=joined([inputs.texts, known.texts]), regions=known.regions, boxes=boxes)
    audits = [all_audits()[name] for name in job.audits]
    measures: dict[str, pa.Table] = {}
    for audit in audits:
        beside = replace(inputs, examples=pa.concat_tables([own, made.of(audit.faults)]))
        measures[audit.name] = audit.measure(beside, job.audits[audit.name])
    flagged = flagged_rows(pa.concat_tables([own, made.examples]), measures, job.policy)
    groups = _groups(lake, own.to_pylist(), inputs.images)
    return _Judged(
        outcomes(made.faults, flagged, job.policy, audits),
        rule_outcomes(made.faults, flagged, measures, job.policy, audits),
        list(fitted_chances(made.faults, measures, audits)),
        group_outcomes(groups, made.faults, flagged, job.policy, audits),
    )


def _groups(lake: Lake, rows: Sequence[Row], images: Vectors) -> dict[str, list[Group]]:
    """The groups of own rows, by id: those of their texts, by resolution, and by the picture, of a few, that is most
    like their first."""
    alike = alike_pictures(images, [row["image_ids"][0] for row in rows if row["image_ids"]])
    return {
        row["example_id"]: [
            *row_groups(row),
            *resolution,
            *((PICTURES, alike[i]) for i in row["image_ids"][:1] if i in alike),
        ]
        for row, resolution in zip(rows, resolutions(lake, rows), strict=True)
    }
