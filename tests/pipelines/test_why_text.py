"""`assay why` on its way to a person: the verdict first, limits beside values, the identity that counts."""

from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipelines.why_text import beside_limits, explained, rounded
from resources.versions.explanation import Explanation


def reason(value: str, threshold: str) -> dict[str, Any]:
    return {"rule": "r", "audit": "a", "turn": 3, "value": value, "threshold": threshold, "detail": "because"}


def version(number: int, *, current: bool = False, **more: Any) -> dict[str, Any]:
    entry = {"version": number, "state": "published", "current": current, "action": "hold", "weight": 0.0}
    return {**entry, "reasons": [reason("margin_p=0.0212345678", "margin_p < 0.05")], "places": [], **more}


def printed(why: Explanation, *, everything: bool = False) -> list[str]:
    file = StringIO()
    Console(file=file, width=80).print(explained(why, everything=everything))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def explanation(**more: Any) -> Explanation:
    message = {
        "role": "user",
        "parts": [{"type": "text", "text": "what [bold] is it?"}, {"type": "image", "text": None}],
    }
    example = {"drop": "a", "delivery": "a-1", "source_id": "7", "dataset": "d", "image_ids": [], "provenance": None}
    given = {
        "example_id": "e" * 32,
        "current": 2,
        "examples": [{**example, "messages": [message]}],
        "judgements": [],
        "measures": {
            "grounding": [
                {"turn": 0, "margin": 0.12345678901234567, "abstained": False, "used_by": [1]},
                {"turn": 0, "margin": 0.98765432109876543, "abstained": False, "used_by": [2]},
            ],
            "duplicates": [{"copies": 2, "used_by": [1]}],
        },
        "versions": [version(1), version(2, current=True)],
        "deliveries": {"a-1": "admitted"},
    }
    return Explanation(**{**given, **more})


def test_the_verdict_comes_first_and_its_limit_beside_the_value() -> None:
    lines = printed(explanation())
    assert lines[:3] == [
        "Version 2 (current): hold, weight 0",
        "  r: margin_p 0.02123 (limit < 0.05)",
        "      because (a, turn 3)",
    ]
    assert lines[3] == "Example " + "e" * 32
    assert "what [bold] is it? <image>" in " ".join(lines)


def test_only_the_measures_of_the_version_that_counts() -> None:
    text = " ".join(" ".join(printed(explanation())).split())
    assert "grounding turn 0, margin 0.9877 " in text
    assert "0.1235" not in text
    assert "duplicates" not in text
    left = "1 verdict of other versions and 2 rows of measures that this version does not use"
    assert text.endswith(f"Not shown: {left}; --all shows them.")
    whole = " ".join(" ".join(printed(explanation(), everything=True)).split())
    assert "margin 0.1235 [versions 1] turn 0, margin 0.9877 [versions 2]" in whole
    assert "copies 2 [versions 1]" in whole
    assert whole.index("Version 2 (current)") < whole.index("Version 1:")
    assert "Not shown" not in whole


def test_an_example_that_the_current_version_has_not() -> None:
    lines = printed(explanation(current=5))
    assert lines[0] == "Version 2 (current): hold, weight 0"
    gone = printed(explanation(current=5, versions=[version(1)]))
    assert gone[:2] == ["Version 5 (current): it is not among its examples", "Version 1: hold, weight 0"]
    never = printed(explanation(current=None, versions=[]))
    assert never[0] == "No version has judged it."
    assert "margin 0.1235" in " ".join(never)


def test_limits_stand_beside_what_they_met() -> None:
    both = reason("margin=-0.12345678, label=good, p=0.04", "margin < 0, label in [good, bad], p <= 0.05")
    assert (
        beside_limits(both) == "margin -0.1235 (limit < 0), label good (limit in [good, bad]), p 0.04 (limit <= 0.05)"
    )
    twice = reason("count=7", "count > 3, count < 9")
    assert beside_limits(twice) == "count 7 (limit > 3), count 7 (limit < 9)"
    odd = reason("something else", "margin < 0")
    assert beside_limits(odd) == "something else (limit: margin < 0)"
    barely = reason("p=0.950000048", "p > 0.95")
    assert beside_limits(barely) == "p 0.950000048 (limit > 0.95)"


NAMES = st.from_regex(r"\A[a-z_]{1,12}\Z")


@given(st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=4))
def test_no_value_and_no_limit_is_lost(values: dict[str, float]) -> None:
    value = ", ".join(f"{name}={number!r}" for name, number in values.items())
    threshold = ", ".join(f"{name} >= {number!r}" for name, number in values.items())
    text = beside_limits(reason(value, threshold))
    for name, number in values.items():
        assert f"(limit >= {number!r})" in text
        assert f"{name} " in text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_rounded_figure_is_short_and_near(value: float) -> None:
    text = rounded(value).replace(",", "")
    if abs(value) < 10_000:
        assert len(text) <= 11
        assert abs(float(text) - value) <= 0.0005 * abs(value)
    else:
        assert abs(float(text) - value) <= max(0.5, 0.0005 * abs(value))


def test_texts_and_lists_are_cut() -> None:
    assert rounded(True) == "true"
    assert rounded([0.123456, 2]) == "0.1235, 2"
    assert rounded([]) == "none"
    assert len(rounded("x" * 1000)) == 120
