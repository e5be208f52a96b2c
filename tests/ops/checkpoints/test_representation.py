"""Figures of representations, against what is known of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ops.checkpoints.representation import change_rank, cka, cosines, dead_share, effective_rank, gram

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@given(seeds, st.floats(0.01, 100), st.integers(1, 40))
def test_turning_and_scaling_leave_cka_at_one(seed: int, scale: float, width: int) -> None:
    features = drawn(seed, 20, width)
    turn = np.linalg.qr(drawn(seed + 1, width, width))[0]
    moved = scale * features @ turn + 3.0
    assert abs(cka(gram(features), gram(moved)) - 1) < 1e-6


@given(seeds)
def test_unrelated_features_have_no_cka_however_wide_they_are(seed: int) -> None:
    # The usual, biased estimator gives about 0.9 here.
    values = [cka(gram(drawn(seed + n, 30, 300)), gram(drawn(seed + n + 1000, 30, 300))) for n in range(8)]
    assert abs(np.mean(values)) < 0.1


@given(seeds, st.integers(1, 8))
def test_effective_rank_counts_directions(seed: int, rank: int) -> None:
    basis = np.linalg.qr(drawn(seed, 64, rank))[0]
    ends = np.concatenate([basis, -basis], axis=1).T * 5  # two images on each axis, at like distances
    assert abs(effective_rank(gram(ends)) - rank) < 1e-6


def test_what_does_not_vary_is_none() -> None:
    still = np.ones((10, 4))
    assert effective_rank(gram(still)) == 0
    assert cka(gram(still), gram(drawn(1, 10, 4))) == 0
    assert dead_share(still) == 1
    assert cosines(still, still).tolist() == [0.0] * 10


def test_dead_units_are_those_that_hardly_vary() -> None:
    features = drawn(2, 50, 10)
    features[:, :3] *= 1e-4
    assert dead_share(features) == 0.3


@given(seeds, st.integers(1, 12))
def test_a_low_rank_change_is_seen_as_one(seed: int, rank: int) -> None:
    assert change_rank(drawn(seed, 40, rank) @ drawn(seed + 1, rank, 30)) <= rank
    assert change_rank(np.zeros((4, 4))) == 0


def test_cosines_are_about_the_mean_of_the_first() -> None:
    features = drawn(3, 40, 8)
    far = features + 100
    assert np.allclose(cosines(features, features), 1)
    assert np.allclose(cosines(far, far[::-1]), cosines(features, features[::-1]))
