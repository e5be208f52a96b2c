"""Clusters of unit vectors."""

import numpy as np

from ops.core.spherical import centres, far_apart, nearest
from ops.core.vectors import unit

WAYS = unit(np.random.default_rng(2).normal(size=(4, 32)))


def vectors() -> np.ndarray:
    """Four ways, 25 vectors about each."""
    return unit(np.repeat(WAYS, 25, axis=0) + 0.05 * np.random.default_rng(3).normal(size=(100, 32)))


def test_clusters_gather_what_points_the_same_way() -> None:
    order = np.random.default_rng(4).permutation(100)
    cluster, cosine = nearest(vectors(), centres(vectors()[order], vectors()[order][:12], rounds=10))
    # Twelve centres for four ways: no cluster holds two of them.
    assert all(len({at // 25 for at in np.flatnonzero(cluster == one)}) == 1 for one in set(cluster.tolist()))
    assert cosine.min() > 0.9
    assert nearest(vectors(), np.zeros((0, 32)))[0].tolist() == [0] * 100
    assert centres(np.zeros((0, 32)), np.zeros((0, 32)), rounds=10).shape == (0, 32)


def test_what_lies_far_apart_is_of_every_way() -> None:
    chosen = far_apart(vectors(), 4)
    assert set(nearest(chosen, WAYS)[0].tolist()) == {0, 1, 2, 3}
    assert (chosen[0] == vectors()[0]).all()
    assert len(far_apart(vectors(), 1000)) == 100
    assert far_apart(vectors(), 0).shape == far_apart(vectors()[:0], 3).shape == (0, 32)


def test_centres_stand_where_their_vectors_do_and_one_without_any_stays() -> None:
    alone = -WAYS[:1]
    result = centres(vectors(), np.concatenate([WAYS, alone]), rounds=10)
    assert (np.einsum("nd,nd->n", result[:4], WAYS) > 0.99).all()
    assert np.allclose(result[4], alone[0], rtol=0, atol=1e-12)
