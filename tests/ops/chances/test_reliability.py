"""Reliability, of probabilities whose truth is drawn as they say, and otherwise."""

import numpy as np
import pytest

from ops.chances.reliability import calibration_error, reliability

DRAWN = np.random.default_rng(0)
TOLD = DRAWN.random(20_000)
TRUE = DRAWN.random(20_000) < TOLD


def test_a_diagram_sets_what_was_told_beside_what_came_true() -> None:
    bins = reliability(np.array([0.0, 0.05, 0.5, 1.0]), np.array([False, True, False, True]))
    assert [(one.low, one.high, one.rows) for one in bins] == [(0.0, 0.1, 2), (0.5, 0.6, 1), (0.9, 1.0, 1)]
    assert [(one.mean_probability, one.came_true) for one in bins] == [(0.025, 0.5), (0.5, 0.0), (1.0, 1.0)]
    assert sum(one.rows for one in reliability(TOLD, TRUE)) == len(TOLD)


def test_the_error_is_how_far_apart_they_are() -> None:
    rows = np.arange(len(TOLD))
    error, low, high = calibration_error(TOLD, TRUE, rows)
    assert error < 0.01
    assert low < high < 0.02
    boastful = np.clip(TOLD + 0.2, 0, 1)
    error, low, high = calibration_error(boastful, TRUE, rows)
    assert low < error < high
    assert error == pytest.approx(float((boastful - TOLD).mean()), abs=0.01)


def test_rows_of_a_cluster_are_drawn_together() -> None:
    each = calibration_error(TOLD, TRUE, np.arange(len(TOLD)))
    together = calibration_error(TOLD, TRUE, np.arange(len(TOLD)) // 1000)
    assert each[0] == pytest.approx(together[0])
    whole = calibration_error(TOLD, TRUE, np.zeros(len(TOLD), dtype=np.int64))
    assert whole[0] == pytest.approx(whole[1]) == pytest.approx(whole[2])
