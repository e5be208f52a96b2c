"""What was found of the canaries of deliveries: the last outcomes, and whether they are what is asked for.

`canaries` -> two suites of Great Expectations over the facts of one delivery: the least recall that the settings ask
for, and a recall no worse than that of the deliveries before.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from itertools import takewhile

import pyarrow as pa

from ops.canaries.outcome import CanaryOutcome, last_flights
from ops.core.measure_schemas import CANARIES
from ops.gates.canary_facts import canary_facts, too_few_found
from ops.gates.guards import GuardSettings
from resources.gates.gates import GateResult, run_gate
from resources.gates.outcomes import MeasuresGate
from resources.gates.suites import Suites, column, within
from resources.lake.tables import Lake
from resources.storage.storage import Storage

#: Deliveries whose canaries a recall is held against.
BEFORE = 10
_LOOK = (
    "look whether the encoder fits this data and whether rules were softened (`assay policy try`); canaries say "
    "nothing of single rows"
)


def latest_canaries(lake: Lake, deliveries: Collection[str] | None = None) -> dict[str, list[CanaryOutcome]]:
    """What was found of the canaries of each of these deliveries, or of all, when they were last judged, in the order
    in which that was; deliveries that have none are left out."""
    where = None if deliveries is None else {"delivery": list(deliveries)}
    rows = last_flights(lake.read(CANARIES, where=where).to_pylist())
    last = {row["delivery"]: row["at"] for row in rows}
    names = [field.name for field in fields(CanaryOutcome)]
    latest: dict[str, list[CanaryOutcome]] = {name: [] for name in sorted(last, key=last.__getitem__)}
    for row in rows:
        latest[row["delivery"]].append(CanaryOutcome(**{name: row[name] for name in names}))
    return {name: sorted(known, key=lambda outcome: (outcome.fault, outcome.audit)) for name, known in latest.items()}


def canary_gates(
    latest: Mapping[str, Sequence[CanaryOutcome]],
    delivery: str,
    *,
    drop: str,
    settings: GuardSettings,
    history: Storage | None,
) -> tuple[GateResult, GateResult]:
    """Of the outcomes of all deliveries (`latest_canaries`): whether enough of this one's canaries was found, and
    whether no less than of those of the last BEFORE deliveries that were judged before it. Both speak of the end of the
    interval that is in favour: a small delivery fails where the figure itself could not be chance."""
    least = _suites(settings.least_recall)
    facts = _facts(latest, delivery)
    recall = run_gate("canaries", f"drop {drop!r}", {"canaries": facts}, suites=least, run=delivery, history=history)
    return recall, fall_gate(latest, delivery, drop=drop, history=history)


def fall_gate(
    latest: Mapping[str, Sequence[CanaryOutcome]], delivery: str, *, drop: str, history: Storage | None
) -> GateResult:
    """The second of `canary_gates` alone."""
    facts = _facts(latest, delivery)
    lows = _suites({str(row["fault"]): float(row["earlier_low"]) for row in facts.to_pylist()})
    return run_gate("canaries_fall", f"drop {drop!r}", {"canaries": facts}, suites=lows, run=delivery, history=history)


def _facts(latest: Mapping[str, Sequence[CanaryOutcome]], delivery: str) -> pa.Table:
    """Of the delivery's canaries, beside those of the last BEFORE deliveries that were judged before it."""
    before = list(takewhile(lambda name: name != delivery, latest))[-BEFORE:]
    return canary_facts(latest.get(delivery, []), [latest[name] for name in before])


def missed_canaries(lake: Lake, deliveries: Sequence[str], settings: GuardSettings) -> dict[str, MeasuresGate]:
    """The deliveries of whose canaries too few were found, as gates that failed."""
    if not settings.least_recall:
        return {}
    failed: dict[str, MeasuresGate] = {}
    for delivery, outcomes in latest_canaries(lake, deliveries).items():
        least = settings.least_recall
        failures = tuple(
            f"fault {low.fault!r}: {low.caught} of {low.planted} canaries found, recall at most "
            f"{low.recall_high:.2g} < {least[low.fault]:g}"
            for low in too_few_found(outcomes, least)
        )
        if failures:
            failed[delivery] = MeasuresGate(delivery, CANARIES.name, False, failures, (_LOOK,))
    return failed


def _suites(least: Mapping[str, float]) -> Suites:
    """Of each fault, a recall that may be as high as the least."""
    return {
        "canaries": [
            within("recall_high", low=low, only=column("fault") == fault, fix=_LOOK)
            for fault, low in sorted(least.items())
        ]
    }
