"""Whether probabilities come true as often as they say."""

from dataclasses import dataclass

import numpy as np

_BINS = 10
_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Bin:
    """The `rows` whose probability lies between `low` and `high`: the mean of their probabilities, and the share of
    them that came true."""

    low: float
    high: float
    rows: int
    mean_probability: float
    came_true: float


def reliability(probability: np.ndarray, truth: np.ndarray) -> list[Bin]:
    """The reliability diagram of n probabilities and what was true (n, bool): ten bins of equal width, without those
    that are empty."""
    place = _places(probability)
    return [
        Bin(
            at / _BINS,
            (at + 1) / _BINS,
            int(inside.sum()),
            float(probability[inside].mean()),
            float(truth[inside].mean()),
        )
        for at in range(_BINS)
        if (inside := place == at).any()
    ]


def calibration_error(probability: np.ndarray, truth: np.ndarray, clusters: np.ndarray) -> tuple[float, float, float]:
    """The expected calibration error: the mean over rows of how far apart the two sides of a row's bin are; and its
    95 % interval from a bootstrap of the clusters (n, integers from 0) in which rows depend on each other. Chance adds
    to the error of a draw, so that the interval lies rather too high."""
    place = _places(probability)
    size = int(clusters.max()) + 1
    sums = np.zeros((size, _BINS))
    np.add.at(sums, (clusters, place), probability - truth)
    rows = np.bincount(clusters, minlength=size)
    drawn = np.random.default_rng(0).multinomial(size, np.full(size, 1 / size), size=_DRAWS)
    errors = np.abs(drawn @ sums).sum(axis=1) / np.maximum(drawn @ rows, 1)
    low, high = np.quantile(errors, [0.025, 0.975])
    return float(np.abs(sums.sum(axis=0)).sum() / len(probability)), float(low), float(high)


def _places(probability: np.ndarray) -> np.ndarray:
    return np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
