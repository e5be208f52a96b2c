"""The rules of the policy as they are written under `policy.rules`, each checked against the audits."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import with_config

from ops.audits.contract import Audit
from ops.decision.policy import Action, Condition, OneLess, Policy, PolicyError, Rule, check_rule
from resources.config.located_yaml import Located
from resources.config.located_yaml import Path as KeyPath
from resources.config.validation import STRICT, require_known, validated


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class _WrittenRule:
    name: str
    audit: str
    when: list[str]
    action: Action
    reason: str
    weight: float | str | None = None


def load_policy(located: Located, audits: Mapping[str, Audit]) -> Policy:
    """The rules under `policy.rules`, each checked against the audits. Raises SettingsError."""
    section = located.mapping(("policy",))
    require_known(located, ("policy",), section, ["rules"])
    listed = section.get("rules") or []
    if not isinstance(listed, list):
        raise located.error(("policy", "rules"), "must be a list of rules")
    rules: dict[str, Rule] = {}
    for at in range(len(listed)):
        rule = _rule(located, ("policy", "rules", at), audits)
        if rule.name in rules:
            raise located.error(("policy", "rules", at, "name"), f"two rules are called {rule.name!r}; rename one")
        rules[rule.name] = rule
    return Policy(tuple(rules.values()))


def _rule(located: Located, path: KeyPath, audits: Mapping[str, Audit]) -> Rule:
    written = validated(located, path, _WrittenRule, located.mapping(path))
    conditions: list[Condition] = []
    for at, text in enumerate(written.when):
        try:
            conditions.append(Condition.parse(text))
        except PolicyError as error:
            raise located.error((*path, "when", at), str(error)) from None
    try:
        weight = OneLess.parse(written.weight) if isinstance(written.weight, str) else written.weight
        rule = Rule(written.name, written.audit, tuple(conditions), written.action, written.reason, weight)
        check_rule(rule, audits)
    except PolicyError as error:
        raise located.error((*path, error.key), str(error)) from None
    return rule
