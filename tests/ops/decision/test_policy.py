"""The policy's conditions, and rules that can never fire."""

from dataclasses import replace

import pyarrow as pa
import pytest

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.registry import all_audits
from ops.decision.policy import Action, Condition, OneLess, Policy, PolicyError, Rule, check_rule

AUDIT = Audit(
    name="toy",
    title="Toy",
    grain=Grain.EXAMPLE,
    scope=Scope.ROW,
    columns=pa.schema([("x", pa.float32()), ("n", pa.int64()), ("flag", pa.bool_()), ("word", pa.string())]),
    measure=lambda inputs, settings: inputs,
)


def rule(*when: str, **changes: object) -> Rule:
    conditions = tuple(Condition.parse(text) for text in when)
    values = {"name": "r", "audit": "toy", "action": Action.DROP, "reason": "because"} | changes
    return Rule(when=conditions, **values)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("x > 0.5", pa.array([0.4, 0.6, None, float("nan")], pa.float32()), [False, True, False, False]),
        ("x != 0.5", pa.array([0.5, 0.6, None, float("nan")], pa.float32()), [False, True, False, False]),
        ("n in [1, 3]", pa.array([1, 2, 3, None], pa.int64()), [True, False, True, False]),
        ("n >= 2.5", pa.array([2, 3], pa.int64()), [False, True]),
        ("flag == false", pa.array([True, False, None]), [False, True, False]),
        ("word != good", pa.array(["good", "bad", None]), [False, True, False]),
        ("word in ['good', \"bad\"]", pa.array(["good", "bad", "ugly"]), [True, True, False]),
    ],
)
def test_condition(text: str, column: pa.Array, expected: list[bool]):
    assert Condition.parse(text).mask(column).to_pylist() == expected


def test_threshold_is_not_moved_by_the_width_of_the_column():
    # 0.1 as float32 is 0.100000001: above 0.1 as written.
    assert Condition.parse("x > 0.1").mask(pa.array([0.1], pa.float32())).to_pylist() == [True]
    assert Condition.parse("x > 0.1").mask(pa.array([0.0999], pa.float32())).to_pylist() == [False]


@pytest.mark.parametrize(
    "when",
    [
        ("x > 1", "x < 1"),
        ("x > 1", "x <= 1"),
        ("x == 1", "x != 1"),
        ("x == 1", "x > 2"),
        ("x >= 1", "x <= 1", "x != 1"),
        ("n > 1", "n < 2"),
        ("n == 1.5",),
        ("n >= 1", "n <= 2", "n != 1", "n != 2"),
        ("flag == true", "flag == false"),
        ("flag != true", "flag != false"),
        ("word == a", "word == b"),
        ("word in [a, b]", "word in [c]"),
    ],
)
def test_rules_that_never_fire(when: tuple[str, ...]):
    with pytest.raises(PolicyError, match="can never fire"):
        check_rule(rule(*when), {"toy": AUDIT})


@pytest.mark.parametrize(
    "when",
    [
        ("x > 1", "x < 1.1"),
        ("x >= 1", "x <= 1"),
        ("n > 1", "n < 3"),
        ("flag != true",),
        ("word in [a, b]", "word != a"),
        ("word != a", "word != b"),
        ("x > 1", "n < 1"),
    ],
)
def test_rules_that_may_fire(when: tuple[str, ...]):
    check_rule(rule(*when), {"toy": AUDIT})


def test_text_and_keys_cannot_be_mixed_up():
    with pytest.raises(PolicyError, match="flag is bool, but yes is not"):
        check_rule(rule("flag == yes"), {"toy": AUDIT})
    with pytest.raises(PolicyError, match="unknown audit 'toi'; did you mean 'toy'"):
        check_rule(rule("x > 1", audit="toi"), {"toy": AUDIT})
    with pytest.raises(PolicyError, match="only `downweight` has a weight"):
        check_rule(rule("x > 1", weight=0.5), {"toy": AUDIT})


def test_hash_names_what_decides():
    a, b = rule("x > 1", name="a"), rule("n > 1", name="b")
    assert Policy((a, b)).hash == Policy((b, a)).hash
    assert Policy((a, b)).hash != Policy((a,)).hash
    assert Policy((a,)).hash != Policy((rule("x > 2", name="a"),)).hash


def test_a_weight_may_be_what_a_share_of_the_row_leaves():
    weight = OneLess.parse(" 1 -p")
    assert weight == OneLess("p")
    assert str(weight) == "1 - p"
    with pytest.raises(PolicyError, match="'2 - p' is neither a number nor `1 - column`"):
        OneLess.parse("2 - p")
    mismatch = all_audits()["image_mismatch"]
    halved = Rule("r", "image_mismatch", (Condition.parse("rank > 9"),), Action.DOWNWEIGHT, "x", OneLess("probability"))
    check_rule(halved, {"image_mismatch": mismatch})
    assert halved.columns == ("rank", "probability")
    with pytest.raises(PolicyError, match="1 - rank: 'rank' is no share or probability of image_mismatch"):
        check_rule(replace(halved, weight=OneLess("rank")), {"image_mismatch": mismatch})
    assert Policy((halved,)).hash != Policy((replace(halved, weight=OneLess("wrong_share")),)).hash
