"""Canaries by group: each is counted in the groups of the row that it was made of."""

import numpy as np

from ops.audits.registry import all_audits
from ops.canaries.groups import GroupOutcome, alike_pictures, group_outcomes
from ops.canaries.rows import MARK
from ops.core.vectors import Vectors, unit
from ops.decision.policy import Action, Condition, Policy, Rule

LIKELY = Rule("likely", "image_mismatch", (Condition.parse("probability >= 0.5"),), Action.HOLD, "wrong")
COPY = Rule("copy", "duplicates", (Condition.parse("copies >= 2"),), Action.DROP, "a copy")
GROUPS = {"a": [("language", "de")], "b": [("language", "en"), ("terms", "men")], "c": [("language", "en")]}


def test_a_canary_is_of_its_own_rows_groups() -> None:
    faults = {f"{MARK}wrong_image-a": "wrong_image", f"{MARK}wrong_image-b": "wrong_image", f"{MARK}context-c": ""}
    flagged = {
        "a": frozenset(["copy"]),
        "b": frozenset[str](),
        "c": frozenset(["likely", "copy"]),
        f"{MARK}wrong_image-a": frozenset(["copy"]),  # by a rule that does not look for it
        f"{MARK}wrong_image-b": frozenset(["likely"]),
    }
    audits = [all_audits()["image_mismatch"], all_audits()["duplicates"]]
    assert group_outcomes(GROUPS, faults, flagged, Policy((LIKELY, COPY)), audits) == [
        GroupOutcome("", "language", "de", 1, 1),
        GroupOutcome("", "language", "en", 2, 1),
        GroupOutcome("", "terms", "men", 1, 0),
        GroupOutcome("wrong_image", "language", "de", 1, 0),
        GroupOutcome("wrong_image", "language", "en", 1, 1),
        GroupOutcome("wrong_image", "terms", "men", 1, 1),
    ]


def test_a_fault_that_no_rule_looks_for_is_left_out() -> None:
    faults = {f"{MARK}reward_trace-a": "reward_trace"}
    outcomes = group_outcomes(GROUPS, faults, {}, Policy((LIKELY,)), [all_audits()["image_mismatch"]])
    assert {outcome.fault for outcome in outcomes} == {""}


def test_a_picture_is_stood_for_by_what_it_is_most_like() -> None:
    drawn = np.random.default_rng(0)
    kind = np.arange(300) % 64
    matrix = unit(np.eye(64)[kind] + 0.02 * drawn.normal(size=(300, 64))).astype(np.float16)
    ids = [f"{at:04x}" for at in range(300)]
    alike = alike_pictures(Vectors.of(ids, matrix), [*ids, "ffff"])
    assert set(alike) == set(ids)
    assert len(set(alike.values())) == 64
    assert all(kind[int(name, 16)] == kind[int(stands, 16)] for name, stands in alike.items())
    assert all(alike[stands] == stands for stands in alike.values())
    assert alike_pictures(Vectors.of(ids, matrix), []) == {}
