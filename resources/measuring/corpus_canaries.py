"""Canaries of the corpus: copies of rows of the drops that came, and rows that contradict these, measured on Spark
among the corpus as a drop that comes last would be.

examples, preferences, prompts, images, measures of the corpus -> `canaries`, `canary_rules`, `canary_chances`
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of
from ops.canaries.chances import AuditChances, fitted_chances
from ops.canaries.comparisons import KINDS, Comparisons, Sources, comparisons, pictures_of, texts_of
from ops.canaries.outcome import CanaryOutcome, RuleOutcome, flagged_rows, outcomes, rule_outcomes, rules_on
from ops.chances.known_faults import FaultModel, too_few
from ops.core.arrow import column_values, compare, is_in, rows_at, rows_where
from ops.core.hashing import joined, key_hashes
from ops.core.identity import fingerprint, text_id
from ops.core.measure_schemas import CANARIES
from ops.core.schemas import EXAMPLES, PREFERENCES, PROMPTS
from ops.decision.policy import Policy
from ops.decision.verdicts import EXAMPLE_COLUMNS
from resources.config.settings import Settings
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake
from resources.measuring.corpus import StartSpark, corpus_family, corpus_identities
from resources.measuring.corpus_tables import has_subject
from resources.measuring.flights import record_flight
from resources.measuring.flying import Corpus, measured_canaries
from resources.measuring.recorded import once
from resources.models.stored_vectors import embedded_ids

#: Own rows of a kind beside the canaries, and canaries with a fault.
_OWN, _EACH = 2000, 50
#: Deliveries, of those that came last, whose canaries fly where they did not yet.
_LAST = 10
#: Rows that are looked at for such as all of which is embedded, for each canary that is compared by vectors.
_LOOKED_AT = 4
#: Raised when other canaries are made of the same rows, or more is told of them.
_REVISION = 2


@dataclass(frozen=True, slots=True)
class CorpusFlight:
    """The deliveries whose canaries are to fly, the audits that measure these, with the identities of their measures
    whatever the deliveries, the rules that act on what these measure, and what names all."""

    deliveries: tuple[str, ...]
    audits: tuple[Audit, ...]
    families: Mapping[str, str]
    policy: Policy
    identity: str


@dataclass(frozen=True, slots=True)
class _Planted:
    """Own rows of a delivery (EXAMPLE_COLUMNS), and the canaries that are made of some of them."""

    own: pa.Table
    made: Comparisons

    def beside(self, kind: str) -> pa.Table:
        """The own rows of that kind."""
        return rows_where(self.own, compare(self.own["kind"], "==", kind))

    def too_few(self, audit: Audit) -> str:
        """Why the rows are too few for canaries to tell chances by what the audit suspects; empty where they are
        not."""
        if audit.suspicion is None:
            return "no suspicion"
        faults = audit.suspicion.faults
        return too_few(self.beside(KINDS[faults[0]]).num_rows, len(self.made.of(faults).faults))


def compared_audits() -> list[Audit]:
    """The audits of the corpus that look for what is done to canaries."""
    return [audit for audit in audits_of(Scope.CORPUS) if set(KINDS) & set(audit.faults)]


def missing_corpus_flight(
    lake: Lake, deliveries: Sequence[str], *, settings: Settings, encoder: str
) -> CorpusFlight | None:
    """What is still to fly, of the corpus of these deliveries in the order in which their drops came; None where
    nothing is, or no rule acts on an audit that looks for what canaries have."""
    policy = rules_on(settings.policy, compared_audits(), KINDS)
    audits = tuple(audit for audit in compared_audits() if audit.suspicion or audit.name in policy.audits)
    families = {audit.name: corpus_family(audit, settings.audit(audit.name), encoder) for audit in audits}
    identity = fingerprint("corpus canaries", _REVISION, policy.hash, families)
    last = deliveries[-_LAST:]
    flown = lake.committed_of(CANARIES, [once(delivery, identity) for delivery in last])
    missing = tuple(delivery for delivery in last if once(delivery, identity) not in flown)
    return CorpusFlight(missing, audits, families, policy, identity) if missing and policy.rules else None


def fly_corpus_canaries(
    spark: StartSpark,
    lake: Lake,
    flight: CorpusFlight,
    *,
    deliveries: Sequence[str],
    settings: Settings,
    encoder: str,
) -> None:
    """Measures and judges the canaries of a corpus of these deliveries, which its audits have measured, and commits
    what came of them. Spark is started where there are any."""
    identities = corpus_identities(settings, deliveries, encoder)
    stored = {audit.name: _stored(lake, audit, identities[audit.name], flight.deliveries) for audit in flight.audits}
    planted = {name: _planted(lake, name, stored, flight.policy, settings, encoder) for name in flight.deliveries}
    corpus = Corpus(lake, deliveries, settings, encoder)
    measured = dict(stored)
    # An audit that has nothing to measure in these deliveries is asked of no canary.
    flight = replace(flight, audits=tuple(audit for audit in flight.audits if has_subject(lake, audit, deliveries)))
    for audit in flight.audits:
        made = {name: one.made.of(audit.faults) for name, one in planted.items()}
        if _is_tried(audit, flight.policy, planted.values()):
            rows = measured_canaries(spark(), corpus, audit, identities[audit.name], made)
            measured[audit.name] = pa.concat_tables([stored[audit.name], rows])
    now = datetime.now(UTC)
    for name, tried in planted.items():
        by_audit, by_rule = _outcomes(tried, measured, flight)
        fitted = _chances(tried, measured, flight)
        chances = [known.row | {"measures": flight.families[known.audit]} for known in fitted]
        record_flight(lake, name, flight.identity, now, audits=by_audit, rules=by_rule, chances=chances)


def _is_tried(audit: Audit, policy: Policy, planted: Iterable[_Planted]) -> bool:
    """Whether there are canaries that the audit looks for, and a rule acts on it or they are enough to tell chances."""
    if audit.name not in policy.audits:
        return any(not one.too_few(audit) for one in planted)
    return any(one.made.of(audit.faults).faults for one in planted)


def _stored(lake: Lake, audit: Audit, identity: str, deliveries: Sequence[str]) -> pa.Table:
    """The measures of these deliveries' rows, as they were made without canaries."""
    where = {"identity": identity, "delivery": list(deliveries)}
    return lake.read(audit.table, where=where, columns=audit.schema.names)


def _planted(
    lake: Lake, delivery: str, stored: Mapping[str, pa.Table], policy: Policy, settings: Settings, encoder: str
) -> _Planted:
    """Own rows, and canaries of those among them that no rule flags."""
    own = _own_rows(lake, delivery)
    flagged = flagged_rows(own, stored, policy)
    sound = {"delivery": delivery, "example_id": sorted(name for name, rules in flagged.items() if not rules)}
    examples, judged, prompts = (lake.read(spec, where=sound) for spec in (EXAMPLES, PREFERENCES, PROMPTS))
    pictures = dict(stored_images(lake, pictures_of(examples, each=_EACH)))
    texts = [text_id(text) for text in texts_of(examples, each=_LOOKED_AT * _EACH)]
    embedded = embedded_ids(lake, encoder, "text", texts) if texts else set[str]()
    sources = Sources(examples, judged, prompts, pictures, embedded)
    return _Planted(own, comparisons(sources, settings.ingest, each=_EACH))


def _own_rows(lake: Lake, delivery: str) -> pa.Table:
    """Of each kind those that come first by the hashes of their keys."""
    drawn = {kind: EXAMPLES.schema.empty_table().select(EXAMPLE_COLUMNS) for kind in sorted({*KINDS.values()})}
    for batch in lake.batches(EXAMPLES, where={"delivery": delivery}, columns=EXAMPLE_COLUMNS):
        table = pa.Table.from_batches([batch])
        for kind, before in drawn.items():
            rows = pa.concat_tables([before, rows_where(table, compare(table["kind"], "==", kind))]).combine_chunks()
            hashes = joined(key_hashes(part) for part in rows.to_batches())
            drawn[kind] = rows_at(rows, pa.array(np.argsort(hashes)[:_OWN], pa.int64()))
    return pa.concat_tables(drawn.values())


def _outcomes(
    planted: _Planted, measured: Mapping[str, pa.Table], flight: CorpusFlight
) -> tuple[list[CanaryOutcome], list[RuleOutcome]]:
    """What came of the canaries, by audit and by rule: those of each kind beside own rows of that kind."""
    by_audit: list[CanaryOutcome] = []
    by_rule: list[RuleOutcome] = []
    for kind in sorted({*KINDS.values()}):
        canaries = planted.made.of([fault for fault in KINDS if KINDS[fault] == kind])
        own = planted.beside(kind)
        rows = pa.concat_tables([own, canaries.examples.select(EXAMPLE_COLUMNS)])
        known = {name: rows_where(t, is_in(t["example_id"], rows["example_id"])) for name, t in measured.items()}
        flagged = flagged_rows(rows, known, flight.policy)
        by_audit += outcomes(canaries.faults, flagged, flight.policy, flight.audits)
        by_rule += rule_outcomes(canaries.faults, flagged, known, flight.policy, flight.audits)
    return by_audit, by_rule


def _chances(planted: _Planted, measured: Mapping[str, pa.Table], flight: CorpusFlight) -> Iterator[AuditChances]:
    """What the canaries tell of how likely own rows have the faults, by audit that names a suspicion."""
    for audit in flight.audits:
        if audit.suspicion is None:
            continue
        own, why = planted.beside(KINDS[audit.suspicion.faults[0]]), planted.too_few(audit)
        if why:
            yield AuditChances(audit.name, audit.suspicion, FaultModel((), own.num_rows, why=why))
            continue
        ids = pa.concat_tables([own, planted.made.of(audit.faults).examples.select(EXAMPLE_COLUMNS)])["example_id"]
        rows = rows_where(measured[audit.name], is_in(measured[audit.name]["example_id"], ids))
        looked_at = column_values(own, "example_id", str)
        yield from fitted_chances(planted.made.faults, {audit.name: rows}, [audit], own=looked_at)
