"""Whether a version loses more of some group than of the others of the same source: odds ratios of being removed.

Within each source the odds of a group are held against those of the rest, and pooled over the sources (Mantel and
Haenszel, 1959; variance after Robins, Breslow and Greenland, 1986), so that a group is not blamed for the source that
it comes from. p-values are corrected for the number of groups (Benjamini and Hochberg, 1995). The control removes as
many of each source at random.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.accuracy import QUANTILE

ALPHA = 0.05
"""Corrected p-value below which a group counts as losing more, or less, than the rest."""
_DRAWS = 200
_MIDDLE = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Strata:
    """Of each source (n, counts) the examples of a group, those of them that are removed, all examples, and all that
    are removed."""

    group: np.ndarray
    removed_of_group: np.ndarray
    examples: np.ndarray
    removed: np.ndarray

    @property
    def telling(self) -> "Strata":
        """Those where some are removed and some stay, some are of the group and some are not: others tell nothing."""
        mask = (self.group > 0) & (self.group < self.examples) & (self.removed > 0) & (self.removed < self.examples)
        return Strata(self.group[mask], self.removed_of_group[mask], self.examples[mask], self.removed[mask])


@dataclass(frozen=True, slots=True)
class Odds:
    """An odds ratio with its 95 % interval, the p-value that it is 1, and the middle 95 % of what random removals of
    the same size give."""

    ratio: float
    low: float
    high: float
    p_value: float
    random_low: float
    random_high: float


def removal_odds(strata: Strata, *, seed: int) -> Odds | None:
    """The odds of being removed for the group, against those of the rest of its sources; None where no source tells."""
    own = strata.telling
    if not len(own.group):
        return None
    ratio, error = _pooled(own, own.removed_of_group[None])
    span = QUANTILE * float(error[0])
    drawn = np.random.default_rng(seed).hypergeometric(
        own.group, own.examples - own.group, own.removed, size=(_DRAWS, len(own.group))
    )
    low, high = np.quantile(_pooled(own, drawn)[0], _MIDDLE).tolist()
    log = math.log(float(ratio[0]))
    return Odds(float(ratio[0]), math.exp(log - span), math.exp(log + span), _p_value(own), low, high)


def corrected(p_values: Sequence[float]) -> list[float]:
    """The p-values by which a share of false ones is held, in their order (Benjamini and Hochberg)."""
    values = np.array(p_values, dtype=np.float64)
    order = np.argsort(values)[::-1]
    scaled = values[order] * len(values) / np.arange(len(values), 0, -1)
    result = np.empty_like(values)
    result[order] = np.minimum.accumulate(np.minimum(scaled, 1.0)) if len(values) else scaled
    return result.tolist()


def _pooled(strata: Strata, removed_of_group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Odds ratios (draws) of removals (draws, sources), and the standard error of their logarithm."""
    ratio, error = _summed(strata, removed_of_group, 0.0)
    odd = ~((ratio > 0) & np.isfinite(ratio) & np.isfinite(error))
    if odd.any():
        # Where a cell is empty in all sources there is no ratio: half an example is added to each (Haldane, 1940).
        ratio[odd], error[odd] = _summed(strata, removed_of_group[odd], 0.5)
    return ratio, error


def _summed(strata: Strata, removed_of_group: np.ndarray, added: float) -> tuple[np.ndarray, np.ndarray]:
    a = removed_of_group + added
    b = strata.group - removed_of_group + added
    c = strata.removed - removed_of_group + added
    d = strata.examples - strata.group - (strata.removed - removed_of_group) + added
    n = strata.examples + 4 * added
    p, q, r, s = (a + d) / n, (b + c) / n, a * d / n, b * c / n
    r_all, s_all = r.sum(axis=1), s.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (p * r).sum(axis=1) / (2 * r_all**2) + (q * s).sum(axis=1) / (2 * s_all**2)
        variance += (p * s + q * r).sum(axis=1) / (2 * r_all * s_all)
        return r_all / s_all, np.sqrt(variance)


def _p_value(strata: Strata) -> float:
    """Of the test of Cochran, Mantel and Haenszel, without a correction for continuity."""
    n, group, removed = (column.astype(np.float64) for column in (strata.examples, strata.group, strata.removed))
    expected = group * removed / n
    variance = group * (n - group) * removed * (n - removed) / (n**2 * (n - 1))
    chi_squared = float((strata.removed_of_group - expected).sum() ** 2 / variance.sum())
    return math.erfc(math.sqrt(chi_squared / 2))
