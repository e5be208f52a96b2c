"""Two groups of rows: those whose image does not matter, and those whose image fits.

Each row has a rank among its own text's scores with `compared` other images. Where the image does not matter, every
rank is as likely as any other: this group needs no fit. As a normal score (the quantile of 1 - rank / (compared + 1))
it is a standard normal; the fitting group is a normal farther up, with a spread of at most 1, whose mean may depend on
covariates of the text and the image. The share of the first group is the same for all covariates, so that rows of texts
that the encoder hardly understands lower that mean and do not count as wrong (two groups: Efron, "Microarrays,
empirical Bayes and the two-groups model", 2008; with covariates: Scott et al., "False discovery rate regression",
2015).

Of the fitting rows a share `unseen` is taken to look like the first group, whatever the covariates: no rank tells how
many these are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

LEAST_SPREAD, MOST_SPREAD = 0.3, 1.0
#: The share of wrong rows before any is seen: a beta distribution, its mean 1 in 21.
_PRIOR = (1.0, 20.0)
#: Precision of the normal priors of the mean's coefficients and of the spread's logit.
_RIDGE = np.array([0.05, 2.0, 0.5])
FIRST_MEAN = 1.5
_FIRST_SPREAD = 0.7
_FLOOR = 1e-12
#: A ratio's logarithm that leaves nothing to the other group, and is far from the largest number.
_MOST_LOG = 100.0
#: A normal score that stands for infinity.
_FAR = 40.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows (n) by where they lie among others, from best (0) to worst (1): somewhere between `start` and `end`, and
    anywhere in the whole as likely where they are as the others are. Covariates (n, c) are each of about mean 0 and
    spread 1."""

    start: np.ndarray
    end: np.ndarray
    covariates: np.ndarray

    @classmethod
    def of_ranks(cls, rank: np.ndarray, compared: np.ndarray, covariates: np.ndarray) -> "Ranked":
        """By ranks from 1 to compared + 1, where `compared` are how many others a row is among."""
        return cls((rank - 1) / (compared + 1), rank / (compared + 1), covariates)

    @property
    def width(self) -> np.ndarray:
        """How likely it is of a row as the others are to lie there (n)."""
        return self.end - self.start

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: np.ndarray) -> "Ranked":
        """The rows at these places, or of this mask."""
        return Ranked(self.start[rows], self.end[rows], self.covariates[rows])


@dataclass(frozen=True, slots=True)
class TwoGroups:
    """A fitted model. `wrong_share` of all rows; `coefficients` (1 + c) of the fitting group's mean; its spread."""

    wrong_share: float
    coefficients: np.ndarray
    spread: float
    unseen: float

    def mean(self, covariates: np.ndarray) -> np.ndarray:
        """Mean normal score of fitting rows with these covariates (n, c); at least 0, since a fitting image is no worse
        than any other."""
        return np.logaddexp(0.0, self.coefficients[0] + covariates @ self.coefficients[1:])

    def probability(self, rows: Ranked) -> np.ndarray:
        """That each row's image is wrong (n). It never falls with the rank."""
        mean = self.mean(rows.covariates)
        low, high = _cell(rows)
        ratio = _ratio(low, high, mean, self.spread, rows)
        if self.spread < MOST_SPREAD:
            # Beyond this score the narrower normal falls below the wider one again: a better fit must not count less.
            turn = mean / (1 - self.spread**2)
            peak = np.exp(np.minimum(0.5 * turn * mean, _MOST_LOG)) / self.spread
            ratio = np.where(0.5 * (low + np.minimum(high, low + 1)) > turn, np.maximum(peak, ratio), ratio)
        alike = self.wrong_share + self.unseen * (1 - self.wrong_share)
        return self.wrong_share / (alike + (1 - alike) * ratio)


def fit(
    rows: Ranked,
    weights: np.ndarray,
    *,
    unseen: float,
    start: TwoGroups | None = None,
    means: Sequence[float] = (FIRST_MEAN,),
) -> TwoGroups:
    """The most likely model of rows that count `weights` (n) times, sought from a start, or from each of these means of
    the fitting group; ValueError where there are no rows."""
    if not len(rows) or weights.sum() <= 0:
        raise ValueError("no rows to fit two groups to")
    # A third of a second, which whoever fits nothing need not wait for.
    from scipy.optimize import minimize

    width = rows.covariates.shape[1]
    given = (rows, weights, _cell(rows), unseen)
    tries = [
        minimize(_loss, first, given, method="L-BFGS-B", jac=True, bounds=_bounds(width))
        for first in (_starts(width, means) if start is None else [_packed(start)])
    ]
    return _unpacked(min(tries, key=lambda tried: tried.fun).x, unseen)


def _starts(width: int, means: Sequence[float]) -> list[np.ndarray]:
    rest = [*[0.0] * width, _spread_logit(_FIRST_SPREAD)]
    return [np.array([logit(share), _inverse_softplus(mean), *rest]) for mean in means for share in (0.01, 0.2)]


def _bounds(width: int) -> list[tuple[float, float]]:
    return [(-12.0, 3.0), *[(-6.0, 6.0)] * (1 + width), (-6.0, 6.0)]


def _packed(model: TwoGroups) -> np.ndarray:
    return np.array([logit(np.clip(model.wrong_share, 1e-5, 0.9)), *model.coefficients, _spread_logit(model.spread)])


def _unpacked(point: np.ndarray, unseen: float) -> TwoGroups:
    spread = LEAST_SPREAD + (MOST_SPREAD - LEAST_SPREAD) * float(expit(point[-1]))
    return TwoGroups(float(expit(point[0])), point[1:-1].copy(), spread, unseen)


def _inverse_softplus(value: float) -> float:
    return float(np.log(np.expm1(value)))


def _spread_logit(spread: float) -> float:
    return float(np.clip(logit((spread - LEAST_SPREAD) / (MOST_SPREAD - LEAST_SPREAD)), -5.0, 5.0))


def _cell(rows: Ranked) -> tuple[np.ndarray, np.ndarray]:
    """The normal scores between which each row lies (n, n)."""
    low, high = (np.clip(ndtri(1 - edge), -_FAR, _FAR) for edge in (rows.end, rows.start))
    return low, high


def _ratio(low: np.ndarray, high: np.ndarray, mean: np.ndarray, spread: float, rows: Ranked) -> np.ndarray:
    """How much likelier it is of the fitting group than of the other to lie there (n)."""
    return np.maximum(ndtr((high - mean) / spread) - ndtr((low - mean) / spread), _FLOOR) / rows.width


def _loss(
    point: np.ndarray, rows: Ranked, weights: np.ndarray, cell: tuple[np.ndarray, np.ndarray], unseen: float
) -> tuple[float, np.ndarray]:
    """Minus the log of the posterior, and its gradient."""
    model = _unpacked(point, unseen)
    inner = point[1] + rows.covariates @ point[2:-1]
    mean, spread = np.logaddexp(0.0, inner), model.spread
    low, high = ((edge - mean) / spread for edge in cell)
    ratio = _ratio(*cell, mean, spread, rows)
    alike = model.wrong_share + unseen * (1 - model.wrong_share)
    likelihood = alike + (1 - alike) * ratio
    pulled = weights * (1 - alike) / likelihood / rows.width
    at_low, at_high = _density(low), _density(high)
    by_mean = pulled * (at_low - at_high) / spread * expit(inner)
    by_spread = pulled * (low * at_low - high * at_high) / spread
    by_share = (weights * (1 - ratio) / likelihood).sum() * (1 - unseen)
    slope = (spread - LEAST_SPREAD) * (MOST_SPREAD - spread) / (MOST_SPREAD - LEAST_SPREAD)
    share = model.wrong_share
    gradient = np.concatenate(
        [[by_share * share * (1 - share)], [by_mean.sum()], by_mean @ rows.covariates, [by_spread.sum() * slope]]
    )
    prior, prior_gradient = _log_prior(point)
    return -float((weights * np.log(likelihood)).sum()) - prior, -gradient - prior_gradient


def _density(score: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * score**2) / np.sqrt(2 * np.pi)


def _log_prior(point: np.ndarray) -> tuple[float, np.ndarray]:
    """Log of the prior at a point, and its gradient."""
    away = point.copy()
    away[0] = 0.0
    away[1] -= _inverse_softplus(FIRST_MEAN)
    away[-1] -= _spread_logit(_FIRST_SPREAD)
    precision = np.concatenate([[0.0, _RIDGE[0]], np.full(len(point) - 3, _RIDGE[1]), [_RIDGE[2]]])
    successes, failures = _PRIOR[0] - 1, _PRIOR[1] - 1
    shares = -successes * np.logaddexp(0.0, -point[0]) - failures * np.logaddexp(0.0, point[0])
    value = shares - 0.5 * float(precision @ away**2)
    gradient = -precision * away
    gradient[0] = successes * expit(-point[0]) - failures * expit(point[0])
    return float(value), gradient
