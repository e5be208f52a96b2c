"""The rules of a version's policy, as its configuration has them, and what each did."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ops.audits.registry import all_audits
from ops.decision.policy import DECISION, Action, Condition, OneLess, Rule, Value
from ops.decision.versions import Version, without_measures
from ops.decision.wrong_flags import PROBABILITY, expected_wrong, likelihoods, probable
from ops.demo.score import Chances
from ops.report.audit_data import RuleFigures, ShownExample, Threshold
from ops.report.counting import VerdictFigures
from resources.lake.stored_measures import read_measures, used
from resources.lake.tables import Lake
from resources.versions.canary_chances import KnownChances, foreseen
from resources.versions.publishing import version_of

_DECIDED = "decided"

StoredRule = Mapping[str, Any]
"""A rule (ops.decision.policy) as plain values."""
StoredValue = Value | list[Value] | tuple[Value, ...]


def stored_rules(version: Mapping[str, Any]) -> list[StoredRule]:
    """The rules of the row of `versions`."""
    return list(json.loads(version["config"] or "{}").get("policy", {}).get("rules") or ())


def thresholds_of(rules: Sequence[StoredRule], audit: str) -> dict[str, list[Threshold]]:
    """The conditions on each column of an audit."""
    thresholds: dict[str, list[Threshold]] = {}
    for rule in rules:
        if rule["audit"] == audit:
            for condition in rule["when"]:
                thresholds.setdefault(condition["column"], []).append(_threshold(rule, condition))
    return thresholds


def _threshold(rule: StoredRule, condition: Mapping[str, Any]) -> Threshold:
    value: StoredValue = condition["value"]
    values = value if isinstance(value, list | tuple) else [value]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    bound = None if condition["comparison"] == "!=" else number
    equal = condition["comparison"] in ("==", "in")
    return Threshold(
        rule=rule["name"],
        condition=condition_text(condition),
        action=rule["action"],
        comparison=condition["comparison"],
        bound=bound,
        alone=len(rule["when"]) == 1,
        labels=tuple(map(_value_text, values)) if equal else (),
    )


def condition_text(condition: Mapping[str, Any]) -> str:
    """`column comparison value`, as the policy writes it."""
    value: StoredValue = condition["value"]
    text = f"[{', '.join(map(_value_text, value))}]" if isinstance(value, list | tuple) else _value_text(value)
    return f"{condition['column']} {condition['comparison']} {text}"


def _value_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def wrong_flags(lake: Lake, published: Version, known: KnownChances) -> dict[str, float]:
    """By rule of a version whose audit tells a probability, or whose audit's canaries do, how many of the examples that
    it flags should be right; rules are left out of which that is not told of all of them. `known` is what canaries told
    of its deliveries."""
    deliveries = list(published.row["deliveries"] or ())
    measures: dict[str, str] = json.loads(published.row["measures"] or "{}")
    rules = [restored(rule) for rule in stored_rules(published.row)]
    without = without_measures(published.left_out)
    totals = foreseen(lake, known, rules, measures=measures, deliveries=deliveries, without=without)
    audits = {name: audit for name, audit in all_audits().items() if name in measures}
    for audit, own in probable(rules, audits).items():
        columns = {column for rule in own for column in rule.columns} | {PROBABILITY}
        judged = used(deliveries, without, audit)
        rows = read_measures(lake, audit, identity=measures[audit], deliveries=judged, columns=columns)
        totals |= expected_wrong(rows, own)
    return {rule: wrong for rule, wrong in totals.items() if wrong == wrong}


def chances_of(lake: Lake, version: int, sources: Mapping[str, str]) -> list[Chances]:
    """What the audits of a version that tell a probability say of these examples (source ids by example id), and how
    many of them should be right of those that any of an audit's rules flags."""
    published = version_of(lake, version)
    measures: dict[str, str] = json.loads(published.row["measures"] or "{}")
    audits = {name: audit for name, audit in all_audits().items() if name in measures}
    chances: list[Chances] = []
    for audit, rules in probable([restored(rule) for rule in stored_rules(published.row)], audits).items():
        columns = {column for rule in rules for column in rule.columns} | {PROBABILITY}
        deliveries = used(list(published.row["deliveries"]), without_measures(published.left_out), audit)
        rows = read_measures(lake, audit, identity=measures[audit], deliveries=deliveries, columns=columns)
        likely, wrong = likelihoods(rows, rules)
        known = {sources[name]: value for name, value in likely.items() if name in sources}
        chances.append(Chances(audit, known, sum(value for name, value in wrong.items() if name in sources)))
    return chances


def restored(rule: StoredRule) -> Rule:
    """The rule that was stored."""
    conditions = [
        Condition(c["column"], c["comparison"], tuple(c["value"]) if isinstance(c["value"], list) else c["value"])
        for c in rule["when"]
    ]
    stored: dict[str, str] | float | None = rule.get("weight")
    weight = OneLess(**stored) if isinstance(stored, dict) else stored
    return Rule(rule["name"], rule["audit"], tuple(conditions), Action(rule["action"]), rule["reason"], weight)


def rule_figures(
    rules: Sequence[StoredRule],
    judged: VerdictFigures,
    examples: Mapping[str, ShownExample],
    wrong: Mapping[str, float],
) -> tuple[RuleFigures, ...]:
    """The rules, those that spoke against most examples first; `wrong` as `wrong_flags` gives it."""
    figures = [
        RuleFigures(
            rule=rule["name"],
            audit=rule["audit"],
            condition=" and ".join(map(condition_text, rule["when"])),
            action=rule["action"],
            reason=rule["reason"],
            examples=judged.by_rule[rule["name"]],
            few_examples=tuple(examples[i] for i in judged.few_by_rule.get(rule["name"], ()) if i in examples),
            expected_wrong=wrong.get(rule["name"]),
        )
        for rule in rules
    ]
    if judged.by_rule[DECISION]:
        figures.append(_decisions(judged, examples))
    return tuple(sorted(figures, key=lambda rule: (-rule.examples, rule.rule)))


def _decisions(judged: VerdictFigures, examples: Mapping[str, ShownExample]) -> RuleFigures:
    """What persons decided, as if it were a rule."""
    return RuleFigures(
        rule=DECISION,
        audit="decisions",
        condition="a person decided",
        action=_DECIDED,
        reason="what a person decided outranks the rules",
        examples=judged.by_rule[DECISION],
        few_examples=tuple(examples[i] for i in judged.few_by_rule.get(DECISION, ()) if i in examples),
    )
