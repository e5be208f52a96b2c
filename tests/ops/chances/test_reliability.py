"""Reliability, of probabilities whose truth is drawn as they say, and otherwise."""

import numpy as np
import pytest

from ops.chances.reliability import calibration_error, reliability

DRAWN = np.random.default_rng(0)
PROBABILITIES = DRAWN.random(20_000)
TRUE = DRAWN.random(20_000) < PROBABILITIES


def test_a_diagram_sets_what_was_told_beside_what_came_true() -> None:
    bins = reliability(np.array([0.0, 0.05, 0.5, 1.0]), np.array([False, True, False, True]))
    assert [(one.low, one.high, one.rows) for one in bins] == [(0.0, 0.1, 2), (0.5, 0.6, 1), (0.9, 1.0, 1)]
    assert [(one.mean_probability, one.came_true) for one in bins] == [(0.025, 0.5), (0.5, 0.0), (1.0, 1.0)]
    assert sum(one.rows for one in reliability(PROBABILITIES, TRUE)) == len(PROBABILITIES)


@pytest.mark.full
def test_the_error_is_how_far_apart_they_are() -> None:
    rows = np.arange(len(PROBABILITIES))
    error, low, high = calibration_error(PROBABILITIES, TRUE, rows)
    assert error < 0.01
    assert low < high < 0.02
    boastful = np.clip(PROBABILITIES + 0.2, 0, 1)
    error, low, high = calibration_error(boastful, TRUE, rows)
    assert low < error < high
    assert error == pytest.approx(float((boastful - PROBABILITIES).mean()), abs=0.01)


@pytest.mark.full
def test_rows_of_a_cluster_are_drawn_together() -> None:
    each = calibration_error(PROBABILITIES, TRUE, np.arange(len(PROBABILITIES)))
    together = calibration_error(PROBABILITIES, TRUE, np.arange(len(PROBABILITIES)) // 1000)
    assert each[0] == pytest.approx(together[0])
    whole = calibration_error(PROBABILITIES, TRUE, np.zeros(len(PROBABILITIES), dtype=np.int64))
    assert whole[0] == pytest.approx(whole[1]) == pytest.approx(whole[2])
