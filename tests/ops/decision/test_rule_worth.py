"""What rules are worth: held to judging anew without each rule."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.core.version_schemas import REASON
from ops.decision.policy import DECISION, Action
from ops.decision.rule_worth import Caught, caught_of, rule_sets, strongest, worth_lines, worth_of

ACTIONS = {
    **{f"drop{n}": Action.DROP for n in range(2)},
    **{f"less{n}": Action.DOWNWEIGHT for n in range(70)},
    "hold": Action.HOLD,
    "remark": Action.KEEP,
}
RULES = st.sets(st.sampled_from(["drop0", "drop1", "less0", "less1", "less69", "hold", "remark"]), max_size=4)
JUDGED = st.lists(st.tuples(RULES, st.sampled_from([None, "keep", "drop"])), max_size=30)
Judged = list[tuple[set[str], str | None]]


def verdicts(judged: Judged) -> pa.RecordBatch:
    rows = []
    for rules, decided in judged:
        names = sorted(rules) * 2 + ([DECISION] if decided else [])
        blank = dict.fromkeys((field.name for field in REASON), None)
        reasons = [{**blank, "rule": name} for name in names]
        rows.append({"action": decided or strongest(rules, ACTIONS), "reasons": reasons or None})
    schema = pa.schema([("action", pa.string()), ("reasons", pa.list_(REASON))])
    return pa.RecordBatch.from_pylist(rows, schema=schema)


@given(JUDGED, st.sampled_from(["drop0", "less69", "hold", "remark"]))
def test_a_version_without_a_rule_is_what_the_others_make_of_it(judged: Judged, rule: str) -> None:
    counted = Counter(decided or strongest(rules, ACTIONS) for rules, decided in judged)
    without = Counter(decided or strongest(rules - {rule}, ACTIONS) for rules, decided in judged)
    names = sorted([*ACTIONS, DECISION])
    halves = [verdicts(judged[:7]), verdicts(judged[7:])]
    worth = worth_of(rule, "audit", ACTIONS, rule_sets(halves, names), counted)
    assert worth.without == {action: rows for action, rows in without.items() if rows}
    assert worth.examples == sum(rule in rules for rules, _ in judged)
    assert worth.members_without == without["keep"] + without["downweight"]
    assert worth.removed_alone == worth.members_without - counted["keep"] - counted["downweight"]
    assert worth.of == len(judged)


def test_a_rule_that_removes_much_and_catches_nothing_is_named() -> None:
    sets = Counter({(frozenset({"hold"}), "hold"): 30, (frozenset({"drop0"}), "drop"): 3})
    counted = {"keep": 967, "hold": 30, "drop": 3}
    held = worth_of("hold", "audit", ACTIONS, sets, counted)
    assert (held.removes_much, held.verdict) == (True, "untried")
    assert worth_lines([held]) == [
        "Removes much, and neither a canary nor a label tells whether rightly: hold (30 alone)."
    ]
    sound = held.__class__(**{name: getattr(held, name) for name in held.__slots__} | {"sound": Caught(9, 4, 4)})
    assert sound.verdict == "idle"
    assert worth_lines([sound, worth_of("drop0", "audit", ACTIONS, sets, counted)]) == [
        "Removes much and catches nothing that is known to be faulty: hold (30 alone)."
    ]


def test_what_others_keep_out_too_is_not_caught_alone() -> None:
    cases = [frozenset({"hold"}), frozenset({"hold", "drop0"}), frozenset({"hold", "less0"}), frozenset[str]()]
    assert caught_of("hold", cases, ACTIONS) == Caught(4, 3, 2)
    assert caught_of("less0", cases, ACTIONS) == Caught(4, 1, 0)
    assert caught_of("remark", [frozenset({"remark"})], ACTIONS) == Caught(1, 1, 0)
    assert Caught(4, 2, 1) + Caught(1, 1, 0) == Caught(5, 3, 1)
