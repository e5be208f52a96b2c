"""What persons decided outranks the rules, speaks of its examples alone, and loses no reason."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.core.log import Log
from ops.decision.overruling import CHOICES, Decision, overruled, standing
from ops.decision.policy import Action, Condition, PolicyError, Rule, check_rule
from ops.decision.verdicts import SCHEMA

AT = datetime(2026, 11, 27, tzinfo=UTC)
IDS = [f"e{n}" for n in range(6)]
RULED = {"rule": "far", "audit": "grounding", "turn": 0, "value": "margin=-1", "threshold": "margin < 0", "detail": "x"}


def judged(actions: dict[str, str]) -> pa.Table:
    rows = [
        {"delivery": "d", "example_id": example, "action": action, "weight": 0.5, "reasons": [RULED]}
        for example, action in actions.items()
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def entered(example: str, action: str, by: str = "Ana") -> dict[str, Any]:
    return {"example_id": example, "content_id": "c", "action": action, "by": by, "why": "", "at": AT}


ACTIONS = st.sampled_from([str(action) for action in Action])
ENTRIES = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(CHOICES)), max_size=12)


@given(actions=st.dictionaries(st.sampled_from(IDS), ACTIONS, min_size=1), entries=ENTRIES)
def test_the_last_word_on_an_example_counts_and_all_others_stay(
    actions: dict[str, str], entries: list[tuple[str, str]]
) -> None:
    log = Log(tuple({**entered(*entry), "sequence": n} for n, entry in enumerate(entries)))
    before = judged(actions)
    after = overruled(before, standing(log))
    last = dict(entries)
    assert after.schema == before.schema
    for was, now in zip(before.to_pylist(), after.to_pylist(), strict=True):
        assert now["example_id"] == was["example_id"]
        choice = last.get(was["example_id"], "clear")
        if choice == "clear":
            assert now == was
        else:
            assert (now["action"], now["weight"]) == (choice, 1.0 if choice == "keep" else 0.0)
            assert now["reasons"][1:] == was["reasons"]
            assert (now["reasons"][0]["rule"], now["reasons"][0]["value"]) == ("decision", choice)


def test_a_reason_says_who_when_why_and_what_the_rules_said() -> None:
    decision = Decision("e1", "c", "keep", "Ana", "the sign is there", AT)
    (row,) = overruled(judged({"e1": "hold"}), {"e1": decision}).to_pylist()
    assert row["reasons"][0]["detail"] == "Ana, 2026-11-27: the sign is there (the rules said hold)"
    (same,) = overruled(judged({"e1": "keep"}), {"e1": decision}).to_pylist()
    assert same["reasons"][0]["detail"] == "Ana, 2026-11-27: the sign is there"


def test_no_rule_may_pass_for_a_person() -> None:
    with pytest.raises(PolicyError, match="'decision' names what a person decided"):
        check_rule(Rule("decision", "x", (Condition.parse("a > 1"),), Action.DROP, "x"), {})
