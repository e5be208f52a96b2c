"""Canaries: rows damaged as they say, marked, and counted apart from the delivery's own."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.audits.registry import all_audits
from ops.canaries.damage import canaries
from ops.canaries.outcome import ANY, flagged_rows, outcomes, rule_outcomes, rules_on
from ops.canaries.rows import MARK
from ops.core.identity import image_id
from ops.core.schemas import BOXES, EXAMPLES
from ops.decision.policy import Action, Condition, Policy, Rule
from tests.support.set_cosines import inputs_of

ROWS = 300
NO_BOXES = BOXES.schema.empty_table()


def examples_of(images: list[list[int]]) -> pa.Table:
    rows = []
    for n, numbers in enumerate(images):
        ids = [image_id(f"{i}".encode()) for i in numbers]
        parts = [{"type": "image", "text": None, "image_id": i} for i in ids]
        answer = {"type": "text", "text": f"a cup of kind {n}", "image_id": None}
        messages = [{"role": "user", "parts": parts}, {"role": "assistant", "parts": [answer]}]
        row = {"delivery": "d", "example_id": f"{n:04}", "messages": messages, "image_ids": ids, "kind": "sft"}
        rows.append(row | {"source_id": f"{n}", "dataset": "one"})
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


@given(st.lists(st.lists(st.integers(0, 4), max_size=2, unique=True), max_size=90), st.integers(0, 20))
def test_canaries_show_other_images_of_the_delivery_and_are_marked(images: list[list[int]], each: int) -> None:
    examples = examples_of(images)
    made = canaries(examples, NO_BOXES, each=each)
    rows = {row["example_id"]: row for row in examples.to_pylist()}
    known = {image for row in rows.values() for image in row["image_ids"]}
    assert set(made.faults) == set(made.examples["example_id"].to_pylist())
    assert all(i.startswith(MARK) for i in made.faults)
    assert not set(made.faults) & set(rows)
    for canary in made.examples.to_pylist():
        own, fault = rows[canary["example_id"].rsplit("-", 1)[1]], made.faults[canary["example_id"]]
        answers = [row["messages"][1]["parts"][0]["text"] for row in (own, canary)]
        assert (answers[0] != answers[1]) == (fault == "reward_trace")
        assert answers[1].startswith(answers[0])
        assert canary["metadata"] == (f'{{"note": "{answers[0]}"}}' if fault == "given_answer" else None)
        assert canary["messages"][0]["parts"][0]["image_id"] == canary["image_ids"][0]
        assert set(canary["image_ids"]) <= known
        if fault in ("wrong_image", "given_answer", "reward_trace"):
            assert (canary["image_ids"] != own["image_ids"]) == (fault == "wrong_image")
    counts = Counter(made.faults.values())
    assert max(counts["wrong_image"], counts["reward_trace"], counts["given_answer"]) <= each
    assert counts["shifted_join"] in (0, 24)


def test_an_audit_gets_the_canaries_of_its_faults_and_their_surroundings() -> None:
    made = canaries(examples_of([[n] for n in range(120)]), NO_BOXES, each=10)
    assert Counter(made.faults[i] for i in made.of(("reward_trace",))["example_id"].to_pylist()) == {"reward_trace": 10}
    joined = Counter(made.faults[i] for i in made.of(("shifted_join",))["example_id"].to_pylist())
    assert joined == {"shifted_join": 24, "": 24}
    assert made.of(()).num_rows == 0


def test_the_order_of_rows_decides_nothing() -> None:
    examples = examples_of([[n] for n in range(120)])
    turned = examples.take(np.random.default_rng(0).permutation(120))
    assert canaries(turned, NO_BOXES, each=10).examples.equals(canaries(examples, NO_BOXES, each=10).examples)


POLICY = Policy(
    (
        Rule("likely", "image_mismatch", (Condition.parse("probability >= 0.5"),), Action.HOLD, "wrong"),
        Rule("remark", "image_mismatch", (Condition.parse("rank >= 1"),), Action.KEEP, "ranked"),
        Rule("copy", "duplicates", (Condition.parse("copies >= 2"),), Action.DROP, "a copy"),
    )
)


def test_recall_and_flags_are_counted_by_fault_and_audit() -> None:
    drawn = np.random.default_rng(0)
    questions = [f"What is thing {n}?" for n in range(ROWS)]
    cosines = np.clip(drawn.normal(0.35, 0.08, ROWS), -1, 1)
    inputs = inputs_of(questions, [f"a cup of kind {n}" for n in range(ROWS)], cosines)
    made = canaries(inputs.examples, NO_BOXES, each=30)
    audit = all_audits()["image_mismatch"]
    rules = rules_on(POLICY, all_audits().values(), ["wrong_image"])
    assert [rule.name for rule in rules.rules] == ["likely"]
    together = pa.concat_tables([inputs.examples, made.of(audit.faults)])
    measures = {"image_mismatch": audit.measure(replace(inputs, examples=together), audit.settings)}
    flagged = flagged_rows(together, measures, rules)
    joined, joined_by_any, swapped, by_any = outcomes(made.faults, flagged, rules, [audit])
    assert (swapped.fault, swapped.audit, swapped.planted, swapped.own) == ("wrong_image", "image_mismatch", 30, ROWS)
    assert (by_any, joined_by_any) == (replace(swapped, audit=ANY), replace(joined, audit=ANY))
    assert swapped.caught >= 20
    assert swapped.flagged <= 6
    assert swapped.recall_low < swapped.caught / 30 < swapped.recall_high
    assert (joined.fault, joined.planted) == ("shifted_join", 24)
    slipped, wrong = rule_outcomes(made.faults, flagged, measures, rules, [audit])
    assert (slipped.fault, wrong.fault, wrong.rule) == ("shifted_join", "wrong_image", "likely")
    assert (wrong.planted, wrong.caught, wrong.own, wrong.flagged) == (30, swapped.caught, ROWS, swapped.flagged)
    assert (wrong.alone, wrong.flagged_alone) == (wrong.caught, wrong.flagged)
    assert sum(score >= 0.5 for score in wrong.scores) == wrong.caught


def test_nothing_is_told_of_an_audit_without_rules() -> None:
    examples = examples_of([[n] for n in range(60)])
    made = canaries(examples, NO_BOXES, each=5)
    audits = [all_audits()["image_mismatch"]]
    flagged = flagged_rows(examples, {}, Policy(()))
    assert outcomes(made.faults, flagged, Policy(()), audits) == []
    assert rule_outcomes(made.faults, flagged, {}, Policy(()), audits) == []


@pytest.mark.parametrize("images", [[], [[]], [[0]] * 20])
def test_a_delivery_that_shows_one_image_or_none_has_no_wrong_ones(images: list[list[int]]) -> None:
    faults = canaries(examples_of(images), NO_BOXES, each=30).faults
    assert not {"wrong_image", "shifted_join"} & set(faults.values())


def test_a_rule_is_not_tried_by_canaries_of_which_its_audit_tells_nothing() -> None:
    audit = all_audits()["boxes"]
    rules = tuple(
        Rule(column, "boxes", (Condition.parse(f"{column} == true"),), Action.HOLD, "faulty")
        for column in ("is_swapped", "is_same_pair")
    )
    keys = {"delivery": "d", "example_id": f"{MARK}box_swapped-0", "box": 0, "abstained": False}
    measures = {"boxes": pa.Table.from_pylist([keys | {"is_swapped": True}], schema=audit.schema)}
    faults = {f"{MARK}box_swapped-0": "box_swapped"}
    flagged = {f"{MARK}box_swapped-0": frozenset(["is_swapped"])}
    (tried,) = rule_outcomes(faults, flagged, measures, Policy(rules), [audit])
    assert (tried.rule, tried.planted, tried.caught) == ("is_swapped", 1, 1)
    # An audit that has no row of a canary has found nothing in it.
    nothing = {"boxes": audit.schema.empty_table()}
    missed = rule_outcomes(faults, {f"{MARK}box_swapped-0": frozenset()}, nothing, Policy(rules), [audit])
    assert sorted((rule.rule, rule.caught) for rule in missed) == [("is_same_pair", 0), ("is_swapped", 0)]
