"""A head's word is worth what it was right about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.necessity.calibration import Calibration, Tried


def tried_of(sureness: float, share_right: float, *, count: int = 400, kind: int = 0) -> Tried:
    right = np.arange(count) < round(share_right * count)
    return Tried(np.full(count, sureness), np.full(count, kind), right)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_the_likeliest_answer_is_as_likely_as_such_answers_were_right(share: float) -> None:
    calibration = Calibration.fitted([tried_of(0.99, share)])
    calibrated = calibration.applied(np.array([[0.99, 0.006, 0.004]]), np.zeros(3, dtype=np.int64))
    assert calibrated[0, 0] == pytest.approx(share, abs=0.03)
    assert calibrated[0, 1] / calibrated[0, 2] == pytest.approx(1.5)


def test_each_kind_of_answer_has_its_own_curve() -> None:
    calibration = Calibration.fitted([tried_of(0.95, 0.5, kind=0), tried_of(0.95, 0.95, kind=1)])
    calibrated = calibration.applied(np.array([[0.95, 0.05], [0.05, 0.95]]), np.array([0, 1]))
    assert calibrated[0, 0] == pytest.approx(0.5, abs=0.03)
    assert calibrated[1, 1] == pytest.approx(0.95, abs=0.03)


@given(
    st.lists(st.tuples(st.floats(0.2, 1), st.booleans(), st.integers(0, 2)), max_size=120),
    st.lists(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), min_size=1, max_size=8),
)
def test_nothing_becomes_surer_and_probabilities_stay_probabilities(
    turns: list[tuple[float, bool, int]], weights: list[list[float]]
) -> None:
    sureness, right, kinds = (np.array(column) for column in zip(*turns, strict=True)) if turns else ([], [], [])
    parts = [Tried(np.asarray(sureness), np.asarray(kinds, dtype=np.int64), np.asarray(right, dtype=bool))]
    probabilities = np.array(weights) / np.sum(weights, axis=1, keepdims=True)
    calibrated = Calibration.fitted(parts if turns else []).applied(probabilities, np.arange(3))
    likeliest = probabilities.argmax(axis=1)
    at = np.arange(len(weights))
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    assert (calibrated >= 0).all()
    assert (calibrated[at, likeliest] <= probabilities[at, likeliest] + 1e-6).all()
