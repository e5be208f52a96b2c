"""Which of the canaries each audit found, and how many of the delivery's own rows it flagged beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit
from ops.canaries.damage import MARK
from ops.core.accuracy import wilson
from ops.decision.policy import Action, Policy
from ops.decision.verdicts import verdicts

#: Stands for the audit where an outcome is of all that look for the fault together.
ANY = "any"


@dataclass(frozen=True, slots=True)
class CanaryOutcome:
    """Of the `planted` canaries with a fault, those that an audit's rules acted on (of `ANY` audit's, where that stands
    for it); of the delivery's `own` rows that were measured beside them, those that the same rules acted on. Both
    shares with their 95 % interval. Own rows may have the fault: their share is what false alarms are at most."""

    fault: str
    audit: str
    planted: int
    caught: int
    recall_low: float
    recall_high: float
    own: int
    flagged: int
    flagged_low: float
    flagged_high: float


def rules_on(policy: Policy, audits: Iterable[Audit], faults: Iterable[str]) -> Policy:
    """The rules that act on what these audits measure, of those audits that look for one of the faults."""
    wanted = set(faults)
    names = {audit.name for audit in audits if wanted & set(audit.faults)}
    return Policy(tuple(r for r in policy.rules if r.audit in names and r.action is not Action.KEEP))


def outcomes(
    examples: pa.Table,
    faults: Mapping[str, str],
    measures: Mapping[str, pa.Table],
    policy: Policy,
    audits: Sequence[Audit],
) -> list[CanaryOutcome]:
    """By fault, and within it by audit and of all of them. `examples` are own rows and canaries, `faults` those of the
    canaries by id, `measures` hold both. Audits without a rule are left out: nothing acts on what they measure."""
    acting = {rule.audit for rule in policy.rules}
    flagged: dict[str, set[str]] = {name: set() for name in acting}
    judged = verdicts(examples, measures, policy)
    rows: list[dict[str, Any]] = judged.select(["example_id", "reasons"]).to_pylist()
    for row in rows:
        for reason in row["reasons"] or ():
            flagged[reason["audit"]].add(row["example_id"])
    own = {str(i) for i in examples["example_id"].to_pylist() if not str(i).startswith(MARK)}
    counted: list[CanaryOutcome] = []
    for fault in sorted({fault for fault in faults.values() if fault}):
        planted = {i for i, kind in faults.items() if kind == fault}
        named = {audit.name: flagged[audit.name] for audit in audits if fault in audit.faults and audit.name in acting}
        if named:
            named[ANY] = set[str]().union(*named.values())
        counted += [_outcome(fault, name, planted, own, ids) for name, ids in named.items()]
    return counted


def _outcome(fault: str, audit: str, planted: set[str], own: set[str], named: set[str]) -> CanaryOutcome:
    caught, flagged = len(planted & named), len(own & named)
    recall = wilson(caught / max(len(planted), 1), len(planted))
    alarms = wilson(flagged / max(len(own), 1), len(own))
    return CanaryOutcome(fault, audit, len(planted), caught, *recall, len(own), flagged, *alarms)
