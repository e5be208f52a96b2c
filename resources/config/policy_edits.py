"""Conditions of the policy of an assay.yaml changed in its text, comments and all, as a diff for a person to accept."""

from collections.abc import Mapping
from difflib import unified_diff

from ops.decision.policy import Condition
from resources.config.located_yaml import parse

Edits = Mapping[str, tuple[Condition, Condition]]
"""By rule, the condition that stands there and the one to stand there instead."""


def policy_diff(text: str, edits: Edits, *, name: str) -> str:
    """The unified diff that makes the edits in the text, which errors and the diff call `name`; empty where there is
    none. SettingsError where a condition does not stand on a line of its rule as it is."""
    located = parse(text, name=name)
    lines = text.splitlines(keepends=True)
    rules = located.mapping(("policy",)).get("rules")
    changed = list(lines)
    for place, rule in enumerate(rules if isinstance(rules, list) else ()):
        written = rule if isinstance(rule, dict) else {}
        edit = edits.get(str(written.get("name")))
        conditions = written.get("when")
        for at, condition in enumerate(conditions if edit and isinstance(conditions, list) else ()):
            if edit and Condition.parse(str(condition)) == edit[0]:
                path = ("policy", "rules", place, "when", at)
                line = located.lines[path] - 1
                if str(condition) not in changed[line]:
                    raise located.error(path, f"{condition!r} does not stand on one line; edit it by hand")
                changed[line] = changed[line].replace(str(condition), str(edit[1]), 1)
    return "".join(unified_diff(lines, changed, name, name))
