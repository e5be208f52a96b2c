"""Shingles and MinHash: similarity is as computed by hand, and alike texts share a band."""

import numpy as np
import pytest

from ops.text.shingles import BANDS, bands, jaccard, shingles, signature


def test_similarity_by_hand():
    left, right = shingles("a b c d", 2), shingles("A, b: c e", 2)
    assert len(left) == len(right) == 3
    assert jaccard(left, right) == pytest.approx(2 / 4)
    assert jaccard(left, left) == 1
    assert jaccard(shingles("", 2), shingles("!", 2)) == 0
    assert len(shingles("two words", 5)) == 1


def test_signatures_estimate_similarity():
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in rng.integers(0, 5000, 400)]
    half = [*words[:300], *(f"v{n}" for n in range(100))]
    left, right = shingles(" ".join(words), 1), shingles(" ".join(half), 1)
    estimate = float((signature(left) == signature(right)).mean())
    assert estimate == pytest.approx(jaccard(left, right), abs=0.15)


def test_alike_texts_share_a_band_and_others_do_not():
    rng = np.random.default_rng(1)
    shared = 0
    for _ in range(50):
        words = [f"w{n}" for n in rng.integers(0, 10**6, 120)]
        near = [*words[:60], "other", *words[61:]]
        shared += bool(set(bands(shingles(" ".join(words), 3))) & set(bands(shingles(" ".join(near), 3))))
        far = bands(shingles(" ".join(f"w{n}" for n in rng.integers(0, 10**6, 120)), 3))
        assert not set(bands(shingles(" ".join(words), 3))) & set(far)
    assert shared == 50
    assert len(bands(shingles("a b c", 3))) == BANDS
    assert bands(shingles("", 3)) == []
