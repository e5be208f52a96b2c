"""Clusters of unit vectors."""

import numpy as np

from ops.core.spherical import Gathering, centres, directions, far_apart, nearest
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


def test_few_clusters_are_named_by_what_is_nearest_to_their_centre() -> None:
    moved = vectors() + 0.5  # what all have in common hides nothing
    gathering = Gathering.of(moved, each=20, most=4, fewest=8)
    assert len(gathering.centres) == 4
    assert all(len(set(gathering.cluster[way * 25 : way * 25 + 25].tolist())) == 1 for way in range(4))
    texts = [f"way {at // 25}, {at}" for at in range(100)]
    names = gathering.typical(moved, texts)
    for way in range(4):
        cluster = int(gathering.cluster[way * 25])
        own = directions(moved[way * 25 : way * 25 + 25], gathering.mean) @ gathering.centres[cluster]
        assert names[cluster] == texts[way * 25 + int(np.argmax(own))]
    assert sorted(gathering.typical(moved, ["alike"] * 100)) == ["alike", "alike (2)", "alike (3)", "alike (4)"]
    # Five are too few to be a cluster of their own.
    assert len(Gathering.of(moved[:80], each=20, most=4, fewest=8).centres) == 3
