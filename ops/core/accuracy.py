"""Figures of how right something is: shares with their intervals, and how well a score ranks."""

import numpy as np

QUANTILE = 1.959964
"""Standard deviations on either side of a 95 % interval."""


def wilson(share: float, of: float) -> tuple[float, float]:
    """The 95 % interval of a share of `of` independent cases (Wilson, 1927), which may be a number that counts for as
    many; from 0 to 1 where there are none."""
    if not of:
        return 0.0, 1.0
    squared = QUANTILE**2 / of
    middle = (share + squared / 2) / (1 + squared)
    half = QUANTILE / (1 + squared) * (share * (1 - share) / of + squared / (4 * of)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def auroc(ones: np.ndarray, others: np.ndarray) -> float | None:
    """Probability that a score of `ones` is above one of `others`, ties counted half; None where either is empty."""
    if not len(ones) or not len(others):
        return None
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, ones, "left"), np.searchsorted(ordered, ones, "right")
    return float((below + up_to).mean() / (2 * len(others)))
