"""The bank: what stands for any other picture and text."""

import numpy as np
import pytest

from ops.core.vectors import Vectors
from ops.evidence.bank import choose_bank, pair_spread


def vectors(matrix: np.ndarray, name: str = "v") -> Vectors:
    return Vectors.of([f"{name}{n:04d}" for n in range(len(matrix))], matrix)


def test_choice_depends_on_the_ids_alone():
    matrix = np.random.default_rng(0).normal(size=(50, 4))
    ids = [f"{n:04d}" for n in range(50)]
    order = np.random.default_rng(1).permutation(50)
    chosen = choose_bank(Vectors.of(ids, matrix), 8)
    other = choose_bank(Vectors.of([ids[n] for n in order], matrix[order]), 8)
    assert len(chosen) == 8
    assert chosen.ids.tolist() == other.ids.tolist()
    assert (chosen.matrix == other.matrix).all()


def test_spread_is_what_is_left_without_the_means():
    axes = np.eye(2)
    assert pair_spread(vectors(axes), vectors(axes)) == pytest.approx(0.5)
    # Texts that fit every picture alike, and pictures that fit every text alike, say nothing of each other.
    same = np.tile(axes[:1], (3, 1))
    assert pair_spread(vectors(same), vectors(axes)) == pytest.approx(0)
    assert pair_spread(vectors(axes), vectors(same)) == pytest.approx(0)


@pytest.mark.parametrize("counts", [(0, 0), (0, 5), (1, 5), (5, 1)])
def test_no_spread_without_two_of_each(counts: tuple[int, int]):
    images, texts = (vectors(np.eye(5)[:count]) for count in counts)
    assert pair_spread(images, texts) == 0
