"""Diversity against chance: figures whose value is known, and a removal that chance would not have made."""

import numpy as np
import pytest

from ops.gates.diversity import against_chance, answer_bits, clustered, coverage, effective_rank, vendi


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def groups(count: int, size: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return unit(np.repeat(np.eye(count, 16), size, axis=0) + 0.02 * rng.normal(size=(count * size, 16)))


def test_vendi_counts_different_things():
    assert vendi(np.eye(5)) == pytest.approx(5)
    assert vendi(np.repeat(np.eye(5)[:1], 7, axis=0)) == pytest.approx(1)
    assert vendi(np.repeat(np.eye(3), 4, axis=0)) == pytest.approx(3)
    assert vendi(np.zeros((0, 3))) == 0


def test_effective_rank_counts_dimensions():
    rng = np.random.default_rng(0)
    flat = np.zeros((2000, 8))
    flat[:, :3] = rng.normal(size=(2000, 3))
    assert effective_rank(flat) == pytest.approx(3, abs=0.05)
    assert effective_rank(np.ones((4, 3))) == 1


def test_answer_bits():
    assert answer_bits(np.array([0, 1, 2, 3])) == pytest.approx(2)
    assert answer_bits(np.array([5, 5, 5])) == pytest.approx(0)
    assert answer_bits(np.zeros(0, dtype=np.int64)) == 0


def test_clusters_find_the_groups():
    clusters = clustered(groups(6, 30), 6).reshape(6, 30)
    assert all(len(set(row)) == 1 for row in clusters)
    assert len(set(clusters[:, 0])) == 6


def test_removing_a_group_is_worse_than_chance():
    vectors = groups(8, 40)
    cluster = clustered(vectors, 8)
    one_sided = np.repeat(np.arange(8), 40) != 3
    even = np.arange(320) % 8 != 3
    for removed, ratio in ((one_sided, pytest.approx(7 / 8, abs=0.02)), (even, pytest.approx(1, abs=0.02))):
        assert against_chance("vendi", lambda rows: vendi(vectors[rows]), removed).ratio == ratio
        assert against_chance("coverage", lambda rows: coverage(cluster, rows), removed).ratio == ratio
    figure = against_chance("vendi", lambda rows: vendi(vectors[rows]), one_sided)
    assert figure.kept < figure.random_low <= figure.random_mean
