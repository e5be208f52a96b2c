"""What labels on a stratified sample tell of the rules and of the data: shares over all examples, with intervals.

A row of a stratum stands for as many as the stratum has over those of it that were labelled. A share among the rows of
a kind (precision: among flagged ones) is a ratio of two such sums; its variance is that of its linear part, stratum by
stratum (Cochran, 1977, 5A and 6.11). The interval is Wilson's, of as many independent rows as would have that variance
(Korn and Graubard, 1998, who take Clopper's): it stays within 0 and 1 and covers where a share is near either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ops.core.accuracy import QUANTILE, wilson

_MOST_POINTS = 60
"""Points of a curve, spread over the values."""
_EDGES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Bounds of probabilities within which they are held against labels; each counts to the range that it begins."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share, its 95 % interval, and the labelled rows that it is among; NaN, 0 and 1 where there are none."""

    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled rows: whether each is faulty, its stratum, the size of that stratum, a figure that goes with faults
    (NaN where unknown), and the mean of that figure over the whole stratum."""

    faulty: np.ndarray
    strata: np.ndarray
    of: np.ndarray
    score: np.ndarray
    score_mean: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """For how many rows each stands, with what was drawn and not labelled shared out within its stratum."""
        return self.of / _labelled_of(self.strata)


def share(labelled: Labelled, hits: np.ndarray, among: np.ndarray) -> Estimate:
    """The share of rows with `hits` of those `among` which it is asked (bool arrays)."""
    rows = int(among.sum())
    if not rows:
        return Estimate(float("nan"), 0.0, 1.0, 0)
    weights = labelled.weights
    total = float(weights[among].sum())
    value = float(weights[among & hits].sum()) / total
    residual = np.where(among, hits.astype(np.float64) - value, 0.0)
    variance = _variance_of_total(labelled, residual) / total**2
    return Estimate(value, *_interval(value, variance, weights[among]), rows)


@dataclass(frozen=True, slots=True)
class RuleAccuracy:
    """Of a rule: the share of what it flags that is faulty, of the faulty that it flags, and of the sound."""

    precision: Estimate
    recall: Estimate
    false_positive_rate: Estimate


def rule_accuracy(labelled: Labelled, flagged: np.ndarray) -> RuleAccuracy:
    """How right the rule is that flags these rows."""
    faulty = labelled.faulty
    precision = share(labelled, faulty, flagged)
    return RuleAccuracy(precision, _recall(labelled, flagged, precision), share(labelled, flagged, ~faulty))


def _recall(labelled: Labelled, flagged: np.ndarray, precision: Estimate) -> Estimate:
    """Of the faulty rows those that are flagged. What a rule misses are few rows that each stand for many, and often
    none is among the labelled: so the interval is made of those of the faults on either side (Donner and Zou, 2012)."""
    weights, faulty = labelled.weights, labelled.faulty
    rows = int(faulty.sum())
    if not rows:
        return Estimate(float("nan"), 0.0, 1.0, 0)
    missed = share(labelled, faulty, ~flagged)
    caught_of, missed_of = float(weights[flagged].sum()), float(weights[~flagged].sum())
    caught = _scaled(precision, caught_of)
    low, high = _ratio_interval(_scaled(missed, missed_of), caught)
    value = float(weights[flagged & faulty].sum() / weights[faulty].sum())
    return Estimate(value, 1 / (1 + high), 1 / (1 + low), rows)


def _scaled(estimate: Estimate, rows: float) -> tuple[float, float, float]:
    """A share of so many rows as a number of rows: the figure, its low and its high end."""
    value = 0.0 if np.isnan(estimate.value) else estimate.value
    return value * rows, estimate.low * rows, estimate.high * rows


def _ratio_interval(upper: tuple[float, float, float], lower: tuple[float, float, float]) -> tuple[float, float]:
    """The interval of a ratio of two figures that do not depend on each other, each with its own interval."""
    (a, a_low, a_high), (b, b_low, b_high) = upper, lower
    low_of, high_of = b_high * (2 * b - b_high), b_low * (2 * b - b_low)
    product = a * b
    # Beyond these the method has no root: one figure may be anything beside the other.
    low_root = product**2 - a_low * (2 * a - a_low) * low_of
    low = (product - max(low_root, 0.0) ** 0.5) / low_of if low_of > 0 else a_low / b_high if b_high else 0.0
    high_root = product**2 - a_high * (2 * a - a_high) * high_of
    high = (product + max(high_root, 0.0) ** 0.5) / high_of if high_of > 0 else float("inf")
    return max(low, 0.0), high


def fault_rate(labelled: Labelled) -> tuple[Estimate, float]:
    """The share of all examples that is faulty, and how far the figure was leant on (0: labels alone).

    The labels of a stratum are moved by what its rows' figures say of the rows that nobody looked at: y + k (F - f), F
    and f being the mean of the figure over the stratum and over the labelled. k is that of the least variance, pooled
    over the strata (prediction-powered inference: Angelopoulos et al., 2023; its tuning: Angelopoulos, Duchi and Zrnic,
    2023); whatever it is, the estimate is not biased by a poor figure.
    """
    truth, weights = labelled.faulty.astype(np.float64), labelled.weights
    known = np.isfinite(labelled.score) & np.isfinite(labelled.score_mean)
    score = np.where(known, labelled.score, 0.0)
    mean = np.where(known, labelled.score_mean, 0.0)
    leant = _slope(labelled, truth, score)
    total = float(weights.sum())
    if not total:
        return Estimate(float("nan"), 0.0, 1.0, 0), 0.0
    value = float((weights * (truth + leant * (mean - score))).sum()) / total
    variance = _variance_of_total(labelled, truth - leant * score) / total**2
    value = min(max(value, 0.0), 1.0)
    return Estimate(value, *_interval(value, variance, weights), len(truth)), leant


def threshold_curve(labelled: Labelled) -> list[tuple[float, Estimate, Estimate]]:
    """For values of the figure, precision and recall of a rule `figure >= value`, from the strictest on."""
    values = np.unique(labelled.score[np.isfinite(labelled.score)])[::-1]
    values = values[np.unique(np.linspace(0, len(values) - 1, _MOST_POINTS).astype(int))] if len(values) else values
    curve: list[tuple[float, Estimate, Estimate]] = []
    for value in values.tolist():
        flagged = np.nan_to_num(labelled.score, nan=-np.inf) >= value
        accuracy = rule_accuracy(labelled, flagged)
        curve.append((value, accuracy.precision, accuracy.recall))
    return curve


@dataclass(frozen=True, slots=True)
class Promise:
    """What probabilities from `low` on and below `high` (at most 1) promise on average, over all examples that the
    labelled ones stand for, and the share of those that is faulty."""

    low: float
    high: float
    mean: float
    faulty: Estimate

    @property
    def is_kept(self) -> bool:
        """Whether the interval of the share holds the mean."""
        return self.faulty.low <= self.mean <= self.faulty.high


def promises(labelled: Labelled) -> list[Promise]:
    """Whether the figure, taken for a probability, comes true: by ranges of it that a labelled example lies in."""
    weights, made = labelled.weights, list[Promise]()
    for low, high in pairwise(_EDGES):
        inside = (labelled.score >= low) & ((labelled.score < high) | (high == _EDGES[-1]))
        if inside.any():
            mean = float(np.average(labelled.score[inside], weights=weights[inside]))
            made.append(Promise(low, high, mean, share(labelled, labelled.faulty, inside)))
    return made


def suggested_threshold(
    curve: Sequence[tuple[float, Estimate, Estimate]], *, target: float, fewest: int = 10
) -> tuple[float, Estimate, Estimate] | None:
    """The laxest point of the curve up to which precision is never below the target; points of fewer labelled rows are
    passed over, and None is where none is left. It was chosen for its precision, whose low end is the safer figure."""
    best: tuple[float, Estimate, Estimate] | None = None
    for point in curve:
        if point[1].rows < fewest:
            continue
        if point[1].value < target:
            break
        best = point
    return best


def _labelled_of(strata: np.ndarray) -> np.ndarray:
    """How many labelled rows the stratum of each has."""
    _, at = np.unique(strata, return_inverse=True)
    return np.bincount(at)[at]


def _variance_of_total(labelled: Labelled, residual: np.ndarray) -> float:
    """Variance of the weighted sum of the residuals. Strata with one labelled row lend each other theirs: alone, they
    would pass for certain."""
    total = 0.0
    names, at = np.unique(labelled.strata, return_inverse=True)
    single: list[int] = []
    for stratum in range(len(names)):
        own = np.flatnonzero(at == stratum)
        size, drawn = float(labelled.of[own[0]]), len(own)
        if drawn > 1:
            total += size**2 * (1 - drawn / size) * float(residual[own].var(ddof=1)) / drawn
        elif size > 1:
            single.append(int(own[0]))
    for row in single:
        spread = float(residual.var(ddof=1)) if len(residual) > 1 else 0.25
        total += float(labelled.of[row]) ** 2 * (1 - 1 / float(labelled.of[row])) * spread
    return total


def _interval(value: float, variance: float, weights: np.ndarray) -> tuple[float, float]:
    """Wilson's, of the rows that would have this variance; of a share of 0 or 1, whose variance seems none, of the rows
    that unequal weights are worth (Kish, 1965)."""
    worth = float(weights.sum() ** 2 / (weights**2).sum())
    spread = value * (1 - value)
    rows = worth if spread <= 0 or variance <= 0 else min(spread / variance, len(weights))
    # With few rows the variance itself is a guess: half a row off keeps the interval from being too narrow.
    low, high = wilson(value, max(rows * (1 - QUANTILE / (4 * len(weights))), 0.5))
    return min(low, value), max(high, value)  # at 0 and 1 the last digit of a sum may lie on the other side


def _slope(labelled: Labelled, truth: np.ndarray, score: np.ndarray) -> float:
    """What a unit of the figure adds to the share of faults, within the strata."""
    _, at = np.unique(labelled.strata, return_inverse=True)
    count = np.bincount(at)
    means = (np.bincount(at, truth) / count)[at], (np.bincount(at, score) / count)[at]
    weights = labelled.weights**2
    spread = float((weights * (score - means[1]) ** 2).sum())
    return float((weights * (truth - means[0]) * (score - means[1])).sum()) / spread if spread > 0 else 0.0
