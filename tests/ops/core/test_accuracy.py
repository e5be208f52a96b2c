"""Shares with intervals, and areas under curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.core.accuracy import auroc, wilson


def test_area_counts_pairs() -> None:
    ones, others = np.array([3.0, 1.0]), np.array([0.0, 1.0, 5.0])
    pairs = [(a > b) + (a == b) / 2 for a in ones for b in others]
    assert auroc(ones, others) == pytest.approx(np.mean(pairs))
    assert auroc(ones, np.zeros(0)) is None


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_share_and_narrows(case: tuple[int, int]) -> None:
    hits, of = case
    low, high = wilson(hits / of, of)
    assert 0 <= low <= hits / of + 1e-12
    assert hits / of - 1e-12 <= high <= 1
    closer = wilson(hits / of, 4 * of)
    assert closer[1] - closer[0] < high - low


def test_the_interval_is_wilsons() -> None:
    assert wilson(0.1, 50) == pytest.approx((0.0435, 0.2136), abs=1e-4)
    assert wilson(0.0, 0) == (0.0, 1.0)
