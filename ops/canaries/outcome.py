"""Which of the canaries each audit and each rule found, and how many of the delivery's own rows they flagged beside
them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit
from ops.canaries.comparisons import KINDS
from ops.canaries.rows import MARK, Row
from ops.core.accuracy import wilson
from ops.core.arrow import Column, is_in, rows_where
from ops.decision.policy import Action, Policy, Rule
from ops.decision.rule_scores import limit_of, scores
from ops.decision.rule_worth import caught_of
from ops.decision.verdicts import verdicts

#: Stands for the audit where an outcome is of all that look for the fault together.
ANY = "any"

Flagged = Mapping[str, frozenset[str]]
"""The rules that flag each row, canaries among them, by id."""


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


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """Of the `planted` canaries with a fault that the rule's audit looks for, those that the rule flags, and those that
    it `alone` keeps out or weighs down; of the `own` rows beside them likewise. `scores` are how near the canaries come
    to the rule's limit (ops/decision/rule_scores.py), of those that have one; none where it has no limit. `own_reached`
    are, for each score, the own rows that come as near or nearer."""

    fault: str
    rule: str
    audit: str
    planted: int
    caught: int
    alone: int
    own: int
    flagged: int
    flagged_alone: int
    scores: tuple[float, ...]
    own_reached: tuple[int, ...]


def last_flights(rows: Iterable[Row]) -> list[Row]:
    """Of rows of `canaries` or `canary_rules` those of each delivery's last flights: that of the drop, and that among
    the corpus."""
    last: dict[tuple[str, bool], datetime] = {}
    known = [(row["delivery"], row["fault"] in KINDS, row) for row in sorted(rows, key=itemgetter("at"))]
    for delivery, is_compared, row in known:
        last[delivery, is_compared] = row["at"]
    return [row for delivery, is_compared, row in known if row["at"] == last[delivery, is_compared]]


def rules_on(policy: Policy, audits: Iterable[Audit], faults: Iterable[str]) -> Policy:
    """The rules that act on what these audits measure, of those audits that look for one of the faults."""
    wanted = set(faults)
    names = {audit.name for audit in audits if wanted & set(audit.faults)}
    return Policy(tuple(r for r in policy.rules if r.audit in names and r.action is not Action.KEEP))


def flagged_rows(examples: pa.Table, measures: Mapping[str, pa.Table], policy: Policy) -> Flagged:
    """The rules that flag each of these rows, own ones and canaries; `measures` hold both."""
    rows: list[dict[str, Any]] = verdicts(examples, measures, policy).select(["example_id", "reasons"]).to_pylist()
    return {row["example_id"]: frozenset(reason["rule"] for reason in row["reasons"] or ()) for row in rows}


def outcomes(
    faults: Mapping[str, str], flagged: Flagged, policy: Policy, audits: Sequence[Audit]
) -> list[CanaryOutcome]:
    """By fault, and within it by audit and of all of them. `faults` are those of the canaries by id; what is flagged
    holds own rows, too. Audits without a rule are left out: nothing acts on what they measure."""
    by_audit = {name: {rule.name for rule in policy.rules if rule.audit == name} for name in policy.audits}
    own = [rules for name, rules in flagged.items() if not name.startswith(MARK)]
    counted: list[CanaryOutcome] = []
    for fault, planted in _planted(faults, flagged).items():
        named = {
            audit.name: by_audit[audit.name] for audit in audits if fault in audit.faults if audit.name in by_audit
        }
        if named:
            named[ANY] = set[str]().union(*named.values())
        counted += [_outcome(fault, name, planted, own, rules) for name, rules in named.items()]
    return counted


def rule_outcomes(
    faults: Mapping[str, str],
    flagged: Flagged,
    measures: Mapping[str, pa.Table],
    policy: Policy,
    audits: Sequence[Audit],
) -> list[RuleOutcome]:
    """By fault, and within it by rule of the audits that look for it, as `outcomes`. Rules are left out that ask for
    what their audit tells of no canary with the fault, such as of pairs where canaries are none."""
    own = [rules for name, rules in flagged.items() if not name.startswith(MARK)]
    actions = {rule.name: rule.action for rule in policy.rules}
    counted: list[RuleOutcome] = []
    for fault, planted in _planted(faults, flagged).items():
        ids = pa.array([name for name, kind in faults.items() if kind == fault], pa.string())
        for audit in audits:
            for rule in policy.rules if fault in audit.faults else ():
                if rule.audit != audit.name or not _is_tried(rule, measures[audit.name], ids):
                    continue
                limit = limit_of(rule, audit.schema)
                near = scores(measures[audit.name].to_batches(), rule, limit) if limit else {}
                reached = sorted(near[name] for name in ids.to_pylist() if name in near)
                others = np.sort([score for name, score in near.items() if not name.startswith(MARK)])
                as_near = len(others) - np.searchsorted(others, reached)
                caught, beside = (caught_of(rule.name, rows, actions) for rows in (planted, own))
                counts = (caught.known, caught.caught, caught.alone, beside.known, beside.caught, beside.alone)
                counted.append(
                    RuleOutcome(fault, rule.name, audit.name, *counts, tuple(reached), tuple(as_near.tolist()))
                )
    return counted


def _is_tried(rule: Rule, measures: pa.Table, canaries: Column) -> bool:
    """Whether the audit tells what the rule asks for, of some of these canaries; one that has no row of them does."""
    rows = rows_where(measures, is_in(measures["example_id"], canaries))
    return not rows.num_rows or all(rows[condition.column].null_count < rows.num_rows for condition in rule.when)


def _planted(faults: Mapping[str, str], flagged: Flagged) -> dict[str, list[frozenset[str]]]:
    """What flags each canary, by fault."""
    planted: dict[str, list[frozenset[str]]] = {fault: [] for fault in sorted({*faults.values()} - {""})}
    for name, fault in faults.items():
        if fault:
            planted[fault].append(flagged.get(name, frozenset()))
    return planted


def _outcome(
    fault: str, audit: str, planted: Sequence[frozenset[str]], own: Sequence[frozenset[str]], rules: set[str]
) -> CanaryOutcome:
    caught, flagged = (sum(not rules.isdisjoint(named) for named in rows) for rows in (planted, own))
    recall = wilson(caught / max(len(planted), 1), len(planted))
    alarms = wilson(flagged / max(len(own), 1), len(own))
    return CanaryOutcome(fault, audit, len(planted), caught, *recall, len(own), flagged, *alarms)
