"""How likely examples have a fault, by the canaries of their delivery: read as a version pins it, for the audits that
tell no probability themselves; and as labels of persons correct it, as the version pins these, too.

`canary_chances`, `labels`, `samples`, measures_<audit> -> by rule, how many of its flags should be wrong; by audit, the
chance of an example
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances, foreseen_wrong
from ops.chances.recalibration import recalibration
from ops.core.log import Row
from ops.core.measure_schemas import CANARY_CHANCES, CORPUS_JOBS
from ops.core.version_schemas import LABELS, SAMPLES
from ops.decision.policy import Rule
from ops.decision.versions import Version
from resources.lake.stored_measures import NONE, Reads, Without, read_measures, used
from resources.lake.tables import Lake
from resources.versions.agreed_labels import Labelled, weighed_labels

KnownChances = Mapping[str, Mapping[str, AuditChances]]
"""By audit and delivery."""

PINNED = (CANARY_CHANCES, LABELS, SAMPLES)
"""The tables that tell chances, and correct them, as a version pins them."""


def known_chances(
    lake: Lake, deliveries: Sequence[str], measures: Mapping[str, str], *, pinned: Mapping[str, int]
) -> KnownChances:
    """What canaries tell of those measures (identities by audit) of the deliveries, as labels correct it, as of the
    Delta versions of the tables (by name; none of one that has none)."""
    known: dict[str, dict[str, AuditChances]] = {}
    at = pinned.get(CANARY_CHANCES.name, -1)
    rows: list[Row] = lake.read(CANARY_CHANCES, where={"delivery": list(deliveries)}, version=at).to_pylist()
    families = _families(lake, [measures[row["audit"]] for row in rows if row["audit"] in measures])
    for row in sorted(rows, key=itemgetter("at")):
        identity = measures.get(row["audit"], "")
        if row["measures"] == families.get(identity, identity):
            known.setdefault(row["audit"], {})[row["delivery"]] = AuditChances.of_row(row)
    labelled: Labelled = weighed_labels(lake, pinned) if known else {}
    if not labelled:
        return known
    return {audit: _corrected(lake, measures[audit], of_delivery, labelled) for audit, of_delivery in known.items()}


def _corrected(
    lake: Lake, identity: str, of_delivery: Mapping[str, AuditChances], labelled: Labelled
) -> dict[str, AuditChances]:
    """The chances of an audit, of all deliveries together as labels correct them."""
    likely: dict[str, float] = {}
    for delivery, chances in of_delivery.items():
        where = {"delivery": delivery, "identity": identity, "example_id": sorted(labelled)}
        columns = ["example_id", *sorted(chances.columns)]
        rows = (
            () if chances.model.why else lake.batches(all_audits()[chances.audit].table, where=where, columns=columns)
        )
        likely |= {name: chance[0] for name, chance in chances.of_examples(rows).items()}
    faulty, weights = (np.array([labelled[name][at] for name in likely]) for at in (0, 1))
    known = recalibration(list(likely), np.array([*likely.values()]), faulty.astype(bool), weights)
    return {delivery: replace(chances, labels=known) for delivery, chances in of_delivery.items()}


def _families(lake: Lake, identities: Sequence[str]) -> dict[str, str]:
    """Of measures of the corpus what they have in common with those over other deliveries."""
    where = {"identity": sorted({*identities})}
    jobs = lake.read(CORPUS_JOBS, where=where, columns=["identity", "family"]).to_pylist() if identities else []
    return {job["identity"]: job["family"] for job in jobs}


def version_chances(lake: Lake, published: Version, deliveries: Sequence[str]) -> KnownChances:
    """What canaries told of these deliveries when the version was made."""
    measures: dict[str, str] = json.loads(published.row["measures"] or "{}")
    return known_chances(lake, deliveries, measures, pinned=pins_of(published))


def pins_of(published: Version) -> dict[str, int]:
    """The Delta versions of PINNED that a version reads, by name; -1 of one of which it reads none."""
    tables: dict[str, int] = json.loads(published.row["tables"] or "{}")
    return {spec.name: tables.get(spec.name, -1) for spec in PINNED}


def foreseen(
    reads: Reads,
    known: KnownChances,
    rules: Sequence[Rule],
    *,
    measures: Mapping[str, str],
    deliveries: Sequence[str],
    without: Without = NONE,
) -> dict[str, float]:
    """By rule on an audit of which canaries tell, how many of the examples of these deliveries that it flags should be
    right; NaN where it flags one of which they do not tell."""
    totals: dict[str, float] = {}
    for audit, of_delivery in known.items():
        own = [rule for rule in rules if rule.audit == audit]
        for delivery in used(deliveries, without, audit) if own else ():
            read = partial(_read, reads, audit, measures[audit], delivery)
            wrong = foreseen_wrong(read, own, of_delivery.get(delivery))
            totals |= {rule: totals.get(rule, 0.0) + more for rule, more in wrong.items()}
    return totals


def _read(reads: Reads, audit: str, identity: str, delivery: str, columns: set[str]) -> Iterator[pa.RecordBatch]:
    return read_measures(reads, audit, identity=identity, deliveries=[delivery], columns=columns)


def chances_of_example(
    lake: Lake, known: KnownChances, example: str, *, measures: Mapping[str, str], delivery: str
) -> dict[str, Row]:
    """What is told of one example of a delivery, by audit: the faults, the `probability` that it has one of them, and
    its 95 % interval (`low`, `high`), what tells it (`by`), and how many `labels` correct it; nothing of audits that
    cannot tell."""
    likely: dict[str, Row] = {}
    for audit, of_delivery in known.items():
        if chances := of_delivery.get(delivery):
            where = {"delivery": delivery, "identity": measures[audit], "example_id": example}
            columns = ["example_id", *sorted(chances.columns)]
            rows = chances.of_examples(lake.batches(all_audits()[audit].table, where=where, columns=columns))
            for probability, low, high in rows.values():
                faults = list(chances.suspicion.faults)
                by = f"p-values of {unit}s" if (unit := chances.suspicion.unit) else "canaries"
                spread = {"probability": probability, "low": low, "high": high}
                likely[audit] = {"faults": faults, **spread, "by": by, "labels": chances.correcting}
    return likely
