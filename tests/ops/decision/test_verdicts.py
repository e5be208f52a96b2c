"""Verdicts: strongest action, smallest weight, all reasons, whatever the order of rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import VERDICTS
from ops.decision.policy import Action, Condition, OneLess, Policy, Rule
from ops.decision.verdicts import SCHEMA, verdicts
from ops.decision.wrong_flags import expected_wrong, probable


def rule(name: str, audit: str, when: str, action: Action, weight: float | OneLess | None = None) -> Rule:
    return Rule(name, audit, (Condition.parse(when),), action, f"because of {name}", weight)


POLICY = Policy(
    (
        rule("far", "grounding", "margin < 0", Action.DOWNWEIGHT, 0.5),
        rule("very_far", "grounding", "margin < -0.5", Action.DOWNWEIGHT, 0.25),
        rule("copy", "duplicates", "kept == false", Action.DROP),
        rule("odd", "duplicates", "copies > 5", Action.HOLD),
    )
)


def examples(count: int, delivery: str = "d-1") -> pa.Table:
    ids = [f"{i:04d}" for i in range(count)]
    columns = [[delivery] * count, ids, ids, ["set"] * count, ["sft"] * count]
    names = ["delivery", "example_id", "source_id", "dataset", "kind"]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def grounding(rows: list[tuple[str, int, float | None]], delivery: str = "d-1") -> pa.Table:
    names = ["delivery", "example_id", "turn", "margin"]
    types = [pa.string(), pa.string(), pa.int32(), pa.float32()]
    columns = zip(*[(delivery, *row) for row in rows], strict=True) if rows else [[]] * 4
    return pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)


def duplicates(rows: list[tuple[str, bool, int]], delivery: str = "d-1") -> pa.Table:
    names = ["delivery", "example_id", "kept", "copies"]
    columns = list(zip(*[(delivery, *row) for row in rows], strict=True)) if rows else [[]] * 4
    types = [pa.string(), pa.string(), pa.bool_(), pa.int64()]
    return pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)


MEASURES = {
    "grounding": grounding([("0001", 0, -0.1), ("0001", 1, -0.75), ("0002", 0, None), ("0003", 0, 0.5)]),
    "duplicates": duplicates([("0000", True, 1), ("0002", True, 9), ("0003", False, 9), ("0001", True, 1)]),
}


def test_strongest_action_smallest_weight_all_reasons():
    rows = verdicts(examples(4), MEASURES, POLICY).to_pylist()
    assert [(r["action"], r["weight"]) for r in rows] == [
        ("keep", 1.0),
        ("downweight", 0.25),
        ("hold", 0.0),
        ("drop", 0.0),
    ]
    assert rows[0]["reasons"] == []
    assert [(r["rule"], r["turn"], r["value"]) for r in rows[1]["reasons"]] == [
        ("far", 0, "margin=-0.1"),
        ("far", 1, "margin=-0.75"),
        ("very_far", 1, "margin=-0.75"),
    ]
    assert [r["rule"] for r in rows[3]["reasons"]] == ["copy", "odd"]
    assert rows[3]["reasons"][0] == {
        "rule": "copy",
        "audit": "duplicates",
        "turn": None,
        "value": "kept=false",
        "threshold": "kept == false",
        "detail": "because of copy",
    }


def test_schema_is_the_lakes():
    assert verdicts(examples(4), MEASURES, POLICY).schema == SCHEMA
    assert SCHEMA.names == [n for n in VERDICTS.schema.names if n != "version"]


def test_nothing_to_judge_and_no_rules():
    assert verdicts(examples(0), MEASURES, POLICY).num_rows == 0
    untouched = verdicts(examples(3), {}, Policy())
    assert untouched["action"].to_pylist() == ["keep"] * 3
    assert untouched["reasons"].to_pylist() == [[]] * 3


def test_measures_of_other_deliveries_are_ignored():
    stale = {"grounding": grounding([("0001", 0, -1.0), ("zzzz", 0, -1.0)], "d-0"), "duplicates": duplicates([])}
    assert verdicts(examples(2), stale, POLICY)["action"].to_pylist() == ["keep", "keep"]


def test_an_audit_that_was_not_measured_is_named():
    with pytest.raises(LookupError, match="the policy needs the measures of duplicates"):
        verdicts(examples(1), {"grounding": grounding([])}, POLICY)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_order_and_batching_of_rows_decide_nothing(seed: int, parts: int):
    rng = np.random.default_rng(seed)
    first, second = examples(6, "b-1"), examples(6, "a-1")
    second = second.set_column(1, "example_id", pa.array([f"9{i:03d}" for i in range(6)]))
    both = pa.concat_tables([first, second])
    close = pa.concat_tables(
        [
            grounding([(f"{i:04d}", t, (i - 3) / 3) for i in range(6) for t in range(2)], "b-1"),
            grounding([(f"9{i:03d}", t, -0.6) for i in range(6) for t in range(2)], "a-1"),
        ]
    )
    copies = duplicates([(f"{i:04d}", i % 2 == 0, i + 2) for i in range(6)], "b-1")
    expected = verdicts(both, {"grounding": close, "duplicates": copies}, POLICY)
    shuffled = close.take(rng.permutation(close.num_rows))
    batches = [
        b for chunk in np.array_split(np.arange(shuffled.num_rows), parts) for b in shuffled.take(chunk).to_batches()
    ]
    measures = {"duplicates": copies.take(rng.permutation(copies.num_rows)), "grounding": iter(batches)}
    assert verdicts(both.take(rng.permutation(12)), measures, POLICY).equals(expected)


@pytest.mark.parametrize(
    "ids", [["ab", "b", "a"], [f"{n:032x}" for n in (7, 5, 6)], ["1234567890", "123456789a", "0" * 9]]
)
def test_sorted_by_delivery_and_id_whatever_ids_look_like(ids: list[str]):
    columns = [["d-10", "d-10", "d-9"], ids, ids, ["set"] * 3, ["sft"] * 3]
    names = ["delivery", "example_id", "source_id", "dataset", "kind"]
    table = pa.table([pa.array(column, pa.string()) for column in columns], names=names)
    judged = verdicts(table, {}, Policy())
    assert judged.select(["delivery", "example_id"]).to_pylist() == sorted(
        table.select(["delivery", "example_id"]).to_pylist(), key=lambda row: (row["delivery"], row["example_id"])
    )


def test_ids_that_share_their_first_letters_are_sorted_as_text():
    rng = np.random.default_rng(0)
    heads = [f"{n:08x}" for n in rng.integers(0, 40, 300)]
    ids = sorted({f"{head}{tail:x}" for head, tail in zip(heads, rng.integers(0, 2**40, 300), strict=True)})
    delivery = [f"d-{n}" for n in rng.integers(0, 3, len(ids))]
    expected = sorted(zip(delivery, ids, strict=True))
    rows = [{"delivery": d, "example_id": i} for d, i in expected]
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema).take(rng.permutation(len(ids)))
    judged = verdicts(examples, {}, Policy(()))
    assert list(zip(judged["delivery"].to_pylist(), judged["example_id"].to_pylist(), strict=True)) == expected


def mismatch(probabilities: list[float | None], delivery: str = "d-1") -> pa.Table:
    ids = [f"{n:04d}" for n in range(len(probabilities))]
    columns = [pa.array([delivery] * len(ids)), pa.array(ids), pa.array(probabilities, pa.float32())]
    return pa.table(columns, names=["delivery", "example_id", "probability"])


LIKELY = (
    rule("likely", "image_mismatch", "probability >= 0.9", Action.HOLD),
    rule("doubtful", "image_mismatch", "probability >= 0.5", Action.DOWNWEIGHT, OneLess("probability")),
)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1, width=32)), min_size=1, max_size=30))
def test_a_weight_is_what_a_probability_leaves(probabilities: list[float | None]) -> None:
    doubtful = Policy(LIKELY[1:])
    judged = verdicts(examples(len(probabilities)), {"image_mismatch": mismatch(probabilities)}, doubtful)
    expected = [1.0 if p is None or p < 0.5 else max(1 - p, 0.01) for p in probabilities]
    np.testing.assert_allclose(judged["weight"].to_numpy(), expected)
    held = verdicts(examples(len(probabilities)), {"image_mismatch": mismatch(probabilities)}, Policy(LIKELY))
    assert [row["weight"] == 0 for row in held.to_pylist()] == [p is not None and p >= 0.9 for p in probabilities]


def test_expected_wrong_flags_are_what_probabilities_leave() -> None:
    (rules,) = probable([*LIKELY, rule("far", "grounding", "margin < 0", Action.HOLD)], all_audits()).values()
    batches = mismatch([0.25, 0.5, 0.75, 1.0, None, 0.9375]).to_batches(max_chunksize=2)
    assert expected_wrong(batches, rules) == {"likely": 0.0625, "doubtful": 0.5 + 0.25 + 0.0625}
