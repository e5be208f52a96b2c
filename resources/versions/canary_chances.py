"""How likely examples have a fault, by the canaries of their delivery: read as a version pins it, for the audits that
tell no probability themselves.

`canary_chances`, measures_<audit> -> by rule, how many of its flags should be wrong; by audit, the chance of an example
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter

import pyarrow as pa

from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances, columns_of, foreseen_wrong
from ops.core.log import Row
from ops.core.measure_schemas import CANARY_CHANCES
from ops.decision.policy import Rule
from ops.decision.versions import Version
from resources.lake.stored_measures import NONE, Reads, Without, read_measures, used
from resources.lake.tables import Lake

KnownChances = Mapping[str, Mapping[str, AuditChances]]
"""By audit and delivery."""


def known_chances(lake: Lake, deliveries: Sequence[str], measures: Mapping[str, str], *, version: int) -> KnownChances:
    """What canaries tell of those measures (identities by audit) of the deliveries, as of a Delta version of the table
    (-1: before there was one)."""
    known: dict[str, dict[str, AuditChances]] = {}
    rows: list[Row] = lake.read(CANARY_CHANCES, where={"delivery": list(deliveries)}, version=version).to_pylist()
    for row in sorted(rows, key=itemgetter("at")):
        if row["measures"] == measures.get(row["audit"]):
            known.setdefault(row["audit"], {})[row["delivery"]] = AuditChances.of_row(row)
    return known


def version_chances(lake: Lake, published: Version, deliveries: Sequence[str]) -> KnownChances:
    """What canaries told of these deliveries when the version was made."""
    measures: dict[str, str] = json.loads(published.row["measures"] or "{}")
    return known_chances(lake, deliveries, measures, version=pinned(published))


def pinned(published: Version) -> int:
    """The Delta version of `canary_chances` that a version reads; -1 where that is none."""
    tables: dict[str, int] = json.loads(published.row["tables"] or "{}")
    return tables.get(CANARY_CHANCES.name, -1)


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
    """What canaries tell of one example of a delivery, by audit: the faults, the `probability` that it has one of them,
    and its 95 % interval (`low`, `high`); nothing of audits that cannot tell."""
    likely: dict[str, Row] = {}
    for audit, of_delivery in known.items():
        if chances := of_delivery.get(delivery):
            where = {"delivery": delivery, "identity": measures[audit], "example_id": example}
            columns = ["example_id", *sorted(columns_of(chances.suspicion))]
            rows = chances.of_examples(lake.batches(all_audits()[audit].table, where=where, columns=columns))
            for probability, low, high in rows.values():
                faults = list(chances.suspicion.faults)
                likely[audit] = {"faults": faults, "probability": probability, "low": low, "high": high}
    return likely
