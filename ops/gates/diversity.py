"""Diversity: whether what a policy keeps is poorer than what chance would have kept.

A smaller set is less diverse whatever one removes, so each figure is held against random removals of the same size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ops.core.spherical import centres, far_apart, nearest

_ROUNDS = 20
_ITERATIONS = 9
_COVERED = 0.1
"""A cluster counts as covered where at least this share of its examples stays."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of diversity: of all examples, of those kept, and of random sets of the size of those kept (mean and
    lowest of 20). `ratio` is kept over the mean of the random sets; below 1 means poorer than chance."""

    name: str
    before: float
    kept: float
    random_mean: float
    random_low: float

    @property
    def ratio(self) -> float:
        """Kept over random; 1 where there is nothing to lose."""
        return self.kept / self.random_mean if self.random_mean else 1.0


def against_chance(name: str, measure: Callable[[np.ndarray], float], member: np.ndarray, *, seed: int = 0) -> Figure:
    """`measure(rows)` of the rows kept, against 20 seeded random choices of as many rows. `member` is (n,) bool."""
    rng = np.random.default_rng(seed)
    every, kept = np.arange(len(member)), np.flatnonzero(member)
    drawn = [measure(np.sort(rng.choice(every, len(kept), replace=False))) for _ in range(_ROUNDS)]
    return Figure(name, measure(every), measure(kept), float(np.mean(drawn)), float(np.min(drawn)))


def vendi(vectors: np.ndarray) -> float:
    """Vendi score of unit vectors (n, d): the number of equally common, wholly different things that would be as
    diverse. Friedman and Dieng, 2023, with the dot product as similarity; by the eigenvalues of the (d, d) matrix."""
    if not len(vectors):
        return 0.0
    values = np.linalg.eigvalsh(vectors.T @ vectors / len(vectors))
    return float(np.exp(_entropy(values)))


def effective_rank(vectors: np.ndarray) -> float:
    """Effective rank of the vectors about their mean (Roy and Vetterli, 2007): dimensions that carry their variety."""
    if len(vectors) < 2:
        return 0.0
    values = np.sqrt(np.clip(np.linalg.eigvalsh(np.cov(vectors, rowvar=False)), 0, None))
    return float(np.exp(_entropy(values))) if values.sum() > 0 else 1.0


def answer_bits(answers: np.ndarray) -> float:
    """Entropy (bits) of a sample of answers, given as whole numbers that name them (n,)."""
    return _entropy(np.bincount(answers).astype(np.float64)) / np.log(2) if len(answers) else 0.0


def coverage(clusters: np.ndarray, rows: np.ndarray) -> float:
    """Share of the clusters of which at least a tenth of the examples is among `rows`. `clusters` is (n,) int."""
    sizes = np.bincount(clusters)
    stay = np.bincount(clusters[rows], minlength=len(sizes))
    present = sizes > 0
    return float((stay[present] >= _COVERED * sizes[present]).mean()) if present.any() else 0.0


def clustered(vectors: np.ndarray, count: int) -> np.ndarray:
    """Cluster of each unit vector (n,) by spherical k-means. Starts from vectors far from each other, so the result
    depends on no seed, only on the order of rows."""
    cluster, _ = nearest(vectors, centres(vectors, far_apart(vectors, count), rounds=_ITERATIONS))
    return cluster


def _entropy(weights: np.ndarray) -> float:
    shares = np.clip(weights, 0, None)
    shares = shares[shares > 1e-12 * max(shares.max(initial=0.0), 1e-300)]
    shares = shares / shares.sum()
    return float(-(shares * np.log(shares)).sum())
