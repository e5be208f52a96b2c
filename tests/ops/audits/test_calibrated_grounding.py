"""Grounding against turns of the same kind, on vectors whose cosine with their image is set by hand."""

import numpy as np
import pytest

from ops.audits.calibrated_grounding import AUDIT, CalibrationSettings
from tests.support.set_cosines import inputs_of


def test_a_turn_stands_out_among_its_own_kind() -> None:
    """One template scores 0.3 higher than the other: only within its own is the bad turn of the first seen."""
    drawn = np.random.default_rng(0)
    questions = [f"What is thing {n}?" for n in range(100)] + [f"Which colour has thing {n}?" for n in range(100)]
    cosines = np.concatenate([drawn.normal(0.6, 0.02, 100), drawn.normal(0.3, 0.02, 100)])
    cosines[7] = 0.4
    rows = AUDIT.measure(inputs_of(questions, ["a cup"] * 200, cosines), AUDIT.settings).to_pylist()
    z = np.array([row["calibrated_z"] for row in rows])
    assert int(z.argmin()) == 7
    assert z[7] < -4
    assert np.median(z[:100]) == pytest.approx(0, abs=0.1)
    assert np.median(np.abs(z[100:])) == pytest.approx(0.6745, abs=0.01)
    assert {(row["group_level"], row["group_turns"]) for row in rows} == {("template", 100)}
    assert rows[7]["group"].startswith("one | what is thing | 4 to 7 words")


def test_a_small_group_is_compared_with_a_wider_one() -> None:
    questions = [f"What is thing {n}?" for n in range(50)] + ["Which cup?"] * 5 + ["Describe thing 3."]
    answers = ["a cup"] * 50 + [f"a pot number {n}" for n in range(5)] + ["a pot with " + "very " * 12 + "old flowers"]
    cosines = np.random.default_rng(0).normal(0.5, 0.05, 56)
    inputs = inputs_of(questions, answers, np.concatenate([cosines[:55], cosines[55:]]))
    rows = AUDIT.measure(inputs, AUDIT.settings).to_pylist()
    assert [row["group_level"] for row in rows[:50]] == ["template"] * 50
    assert {row["group_level"] for row in rows[50:55]} <= {"length", "dataset"}
    assert rows[55]["group_level"] == "dataset"
    assert rows[55]["group_turns"] == 56


def test_too_few_turns_abstain() -> None:
    cosines = np.random.default_rng(0).normal(0.5, 0.05, 12)
    inputs = inputs_of([f"What is thing {n}?" for n in range(12)], ["a cup"] * 12, cosines)
    rows = AUDIT.measure(inputs, AUDIT.settings)
    assert all(rows["abstained"].to_pylist())
    assert rows["why"][0].as_py() == "fewer than 30 turns to compare with, or none of them differ"
    assert not any(AUDIT.measure(inputs, CalibrationSettings(fewest_turns=3))["abstained"].to_pylist())


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ValueError, match="fewest_turns"):
        CalibrationSettings(fewest_turns=1)
