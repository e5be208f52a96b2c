"""Canaries of the corpus: copies of rows of the drops that came, and rows that contradict these, measured on Spark
among the corpus as a drop that comes last would be.

examples, preferences, images, measures of the corpus -> `canaries`, `canary_rules`

They are frames beside the tables that an audit reads, and only what they touch is measured. Nothing is staged, so that
none can be published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of
from ops.canaries.comparisons import KINDS, Comparisons, canary_delivery, comparisons, pictures_of
from ops.canaries.outcome import CanaryOutcome, RuleOutcome, flagged_rows, outcomes, rule_outcomes, rules_on
from ops.core.arrow import compare, is_in, rows_at, rows_where
from ops.core.hashing import joined, key_hashes
from ops.core.identity import fingerprint
from ops.core.measure_schemas import CANARIES
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES
from ops.corpus.touched import Touched
from ops.decision.policy import Policy
from ops.decision.verdicts import EXAMPLE_COLUMNS
from ops.text.turn_rows import turn_rows
from resources.config.settings import Settings
from resources.engines.spark_tables import read_frame
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake
from resources.measuring.corpus import StartSpark, corpus_family, corpus_identities
from resources.measuring.corpus_tables import ARRIVALS, corpus_tables
from resources.measuring.flights import record_flight
from resources.measuring.recorded import once

#: Own rows of a kind beside the canaries, and canaries with a fault.
_OWN, _EACH = 2000, 50
#: Deliveries, of those that came last, whose canaries fly where they did not yet.
_LAST = 10
#: Raised when other canaries are made of the same rows, or more is told of them.
_REVISION = 1


@dataclass(frozen=True, slots=True)
class CorpusFlight:
    """The deliveries whose canaries are to fly, the audits that measure these, the rules that act on what these
    measure, and what names both."""

    deliveries: tuple[str, ...]
    audits: tuple[Audit, ...]
    policy: Policy
    identity: str


@dataclass(frozen=True, slots=True)
class _Planted:
    """Own rows of a delivery (EXAMPLE_COLUMNS), and the canaries that are made of some of them."""

    own: pa.Table
    made: Comparisons


def compared_audits() -> list[Audit]:
    """The audits of the corpus that look for what is done to canaries. One of which any row may change any has none: it
    would measure the whole corpus for them."""
    return [audit for audit in audits_of(Scope.CORPUS) if audit.links is not None and set(KINDS) & set(audit.faults)]


def missing_corpus_flight(
    lake: Lake, deliveries: Sequence[str], *, settings: Settings, encoder: str
) -> CorpusFlight | None:
    """What is still to fly, of the corpus of these deliveries in the order in which their drops came; None where
    nothing is, or no rule acts on an audit that looks for what canaries have."""
    policy = rules_on(settings.policy, compared_audits(), KINDS)
    audits = tuple(audit for audit in compared_audits() if audit.name in policy.audits)
    families = {audit.name: corpus_family(audit, settings.audit(audit.name), encoder) for audit in audits}
    identity = fingerprint("corpus canaries", _REVISION, policy.hash, families)
    last = deliveries[-_LAST:]
    flown = lake.committed_of(CANARIES, [once(delivery, identity) for delivery in last])
    missing = tuple(delivery for delivery in last if once(delivery, identity) not in flown)
    return CorpusFlight(missing, audits, policy, identity) if missing and audits else None


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
    planted = {name: _planted(lake, name, stored, flight.policy, settings) for name in flight.deliveries}
    measured = dict(stored)
    for audit in flight.audits:
        made = {name: own.made.of(audit.faults) for name, own in planted.items()}
        if any(canaries.faults for canaries in made.values()):
            measure = partial(_measured, spark(), lake, audit, identities[audit.name], made)
            measured[audit.name] = pa.concat_tables(
                [stored[audit.name], measure(deliveries=deliveries, settings=settings, encoder=encoder)]
            )
    now = datetime.now(UTC)
    for name, own in planted.items():
        by_audit, by_rule = _outcomes(own, measured, flight)
        record_flight(lake, name, flight.identity, now, audits=by_audit, rules=by_rule)


def _stored(lake: Lake, audit: Audit, identity: str, deliveries: Sequence[str]) -> pa.Table:
    """The measures of these deliveries' rows, as they were made without canaries."""
    where = {"identity": identity, "delivery": list(deliveries)}
    return lake.read(audit.table, where=where, columns=audit.schema.names)


def _planted(lake: Lake, delivery: str, stored: Mapping[str, pa.Table], policy: Policy, settings: Settings) -> _Planted:
    """Own rows, and canaries of those among them that no rule flags."""
    own = _own_rows(lake, delivery)
    flagged = flagged_rows(own, stored, policy)
    sound = {"delivery": delivery, "example_id": sorted(name for name, rules in flagged.items() if not rules)}
    examples, judged = (lake.read(spec, where=sound) for spec in (EXAMPLES, PREFERENCES))
    pictures = dict(stored_images(lake, pictures_of(examples, each=_EACH)))
    return _Planted(own, comparisons(examples, judged, pictures, settings.ingest, each=_EACH))


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


def _measured(
    spark: SparkSession,
    lake: Lake,
    audit: Audit,
    identity: str,
    made: Mapping[str, Comparisons],
    *,
    deliveries: Sequence[str],
    settings: Settings,
    encoder: str,
) -> pa.Table:
    """What the audit measures of canaries that come after all of the deliveries."""
    links, chosen = audit.links, settings.audit(audit.name)
    if links is None:
        raise ValueError(f"{audit.name} does not say what its rows depend on")
    tables = corpus_tables(spark, lake, audit, chosen, deliveries, encoder)
    # What is known of the whole corpus is known without canaries.
    known = links.state(tables, chosen) if links.state else None
    came = [canary_delivery(name) for name in made]
    among = _with_canaries(spark, tables, _canary_tables(audit, chosen, made, len(deliveries)))
    before = read_frame(spark, lake, audit.table, where={"identity": identity}).drop("identity")
    measure: Callable[..., DataFrame] = partial(audit.measure, settings=chosen, **({"state": known} if known else {}))
    touched = Touched(links, chosen, [*deliveries, *came], came)
    _, rows = touched.measured(among, links.keys(among, chosen), before, measure, has_moved=False)
    return rows.where(F.col("delivery").isin(came)).select(*audit.schema.names).toArrow().cast(audit.schema)


def _canary_tables(
    audit: Audit, settings: object, made: Mapping[str, Comparisons], arrived: int
) -> dict[str, pa.Table]:
    """The canaries as rows of the tables that the audit reads; `arrived` deliveries came before them."""
    canaries = made.values()
    examples = pa.concat_tables(one.examples for one in canaries)
    rows = {
        EXAMPLES.name: examples,
        PREFERENCES.name: pa.concat_tables(one.preferences for one in canaries),
        IMAGES.name: pa.concat_tables(one.images for one in canaries),
        **turn_rows(examples),
    }
    rows |= {keys.spec.name: keys.table(rows[keys.made_from.name], settings) for keys in audit.keys}
    came = [canary_delivery(name) for name in made]
    places = pa.array(range(arrived, arrived + len(came)), pa.int32())
    rows[ARRIVALS] = pa.table([pa.array(came, pa.string()), places], names=["delivery", "arrival"])
    return {name: rows[name].select(columns) for name, columns in audit.reads.items() if name in rows}


def _with_canaries(
    spark: SparkSession, tables: Mapping[str, DataFrame], canaries: Mapping[str, pa.Table]
) -> dict[str, DataFrame]:
    beside = {name: tables[name].unionByName(spark.createDataFrame(rows)) for name, rows in canaries.items()}
    return {**tables, **beside}


def _outcomes(
    planted: _Planted, measured: Mapping[str, pa.Table], flight: CorpusFlight
) -> tuple[list[CanaryOutcome], list[RuleOutcome]]:
    """What came of the canaries, by audit and by rule: those of each kind beside own rows of that kind."""
    by_audit: list[CanaryOutcome] = []
    by_rule: list[RuleOutcome] = []
    for kind in sorted({*KINDS.values()}):
        canaries = planted.made.of([fault for fault in KINDS if KINDS[fault] == kind])
        own = rows_where(planted.own, compare(planted.own["kind"], "==", kind))
        rows = pa.concat_tables([own, canaries.examples.select(EXAMPLE_COLUMNS)])
        known = {name: rows_where(t, is_in(t["example_id"], rows["example_id"])) for name, t in measured.items()}
        flagged = flagged_rows(rows, known, flight.policy)
        by_audit += outcomes(canaries.faults, flagged, flight.policy, flight.audits)
        by_rule += rule_outcomes(canaries.faults, flagged, known, flight.policy, flight.audits)
    return by_audit, by_rule
