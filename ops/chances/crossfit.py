"""Probabilities of rows from models that were fitted on other rows, averaged over what the data leave open."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ops.chances.two_groups import FIRST_MEAN, Ranked, TwoGroups, fit
from ops.core.identity import digest

#: Standard deviations beyond which a covariate counts no further.
_FARTHEST = 3.0


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How two groups are fitted: to rows of `folds` - 1 parts for those of the remaining one, `draws` times each, on at
    most `most_rows` rows; `unseen` is the share of fitting rows taken to look as if their image did not matter. A fit
    is begun from each of the `means`, normal scores of the fitting group."""

    folds: int
    draws: int
    most_rows: int
    unseen: float
    means: tuple[float, ...] = (FIRST_MEAN,)


@dataclass(frozen=True, slots=True)
class Chances:
    """probability (n) that each row's image is wrong; fit_score (n), the normal score that a fitting row like it has on
    average."""

    probability: np.ndarray
    fit_score: np.ndarray


@dataclass(frozen=True, slots=True)
class Standard:
    """What positive covariates (n, c) are told in: their logarithms less a median (c), in standard deviations (c)."""

    middle: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, covariates: np.ndarray) -> "Standard":
        """That of these rows."""
        logs = _logs(covariates)
        middle = np.median(logs, axis=0)
        return cls(middle, (logs - middle).std(axis=0))

    def units(self, covariates: np.ndarray) -> np.ndarray:
        """The covariates so (n, c); 0 where all are alike."""
        apart = _logs(covariates) - self.middle
        units = np.where(self.spread > 1e-6, apart / np.maximum(self.spread, 1e-6), 0.0)
        return np.clip(units, -_FARTHEST, _FARTHEST)


def _logs(covariates: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(covariates, 1e-6))


@dataclass(frozen=True, slots=True)
class CrossFit:
    """For each part that rows lie in, models of the rows of the other parts. `digests` (k, rising) name the content of
    the rows that were fitted, `parts` (k) where it lies. `share` of all rows that are wrong, with its 95 % interval."""

    models: tuple[tuple[TwoGroups, ...], ...]
    digests: np.ndarray
    parts: np.ndarray
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, rows: Ranked, keys: np.ndarray, settings: FitSettings) -> "CrossFit":
        """Of n rows; `keys` (n, strings, in rising order) name the content on which rows depend together, such as their
        image. Rows with the same key lie in the same part and are drawn together (Bayesian bootstrap: Rubin, 1981).
        ValueError where the keys are fewer than the folds."""
        names, owner = np.unique(keys, return_inverse=True)
        if len(names) < settings.folds:
            raise ValueError(f"{len(names)} different keys cannot be cut into {settings.folds} parts")
        parts = np.arange(len(names)) % settings.folds
        fitted = crossfitted(rows, owner, parts[owner], settings)
        digests = _digests(names)
        order = np.argsort(digests)
        return cls(fitted, digests[order], parts[order], *estimated_share(fitted))

    def chances(self, rows: Ranked, keys: np.ndarray) -> Chances:
        """Of n rows of the same group, fitted or not, with the keys of their content: means over the draws of models
        that were fitted to other content."""
        part = self._part(keys)
        probability, score = np.zeros(len(rows)), np.zeros(len(rows))
        for number, models in enumerate(self.models):
            mine = np.flatnonzero(part == number)
            held = rows.take(mine)
            probability[mine] = np.mean([model.probability(held) for model in models], axis=0)
            score[mine] = np.mean([model.mean(held.covariates) for model in models], axis=0)
        return Chances(probability, score)

    def _part(self, keys: np.ndarray) -> np.ndarray:
        """Of content that no model has seen, any."""
        names, owner = np.unique(keys, return_inverse=True)
        digests = _digests(names)
        at = np.minimum(np.searchsorted(self.digests, digests), len(self.digests) - 1)
        drawn = (digests % np.uint64(len(self.models))).astype(np.int64)
        return np.where(self.digests[at] == digests, self.parts[at], drawn)[owner]


def _digests(names: np.ndarray) -> np.ndarray:
    return np.array([int(digest(name, size=8), 16) for name in names.tolist()], dtype=np.uint64)


def crossfitted(
    rows: Ranked, owner: np.ndarray, part: np.ndarray, settings: FitSettings
) -> tuple[tuple[TwoGroups, ...], ...]:
    """For each part that rows lie in (n, from 0), the models of the other parts' rows: one a draw of the weights of the
    rows' owners (n, from 0). ValueError where a part holds all of the rows."""
    rng = np.random.default_rng(0)
    fitted: list[tuple[TwoGroups, ...]] = []
    # A fit is thousands of products of a few numbers: threads that share one mostly wait for each other, and keep cores
    # busy with it.
    with threadpool_limits(1, user_api="blas"):
        for number in range(settings.folds):
            others = np.flatnonzero(part != number)
            others = others[:: 1 + (len(others) - 1) // settings.most_rows]
            fitted.append(_models(rows.take(others), owner[others], rng, settings))
    return tuple(fitted)


def estimated_share(fitted: Sequence[Sequence[TwoGroups]]) -> tuple[float, float, float]:
    """Share of all rows that are wrong by these models, and the interval that holds the middle 95 % of them."""
    shares = [model.wrong_share for models in fitted for model in models]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(np.mean(shares)), float(low), float(high)


def _models(rows: Ranked, owner: np.ndarray, rng: np.random.Generator, settings: FitSettings) -> tuple[TwoGroups, ...]:
    """A model for each draw of the weights of the rows' owners."""
    first = fit(rows, np.ones(len(rows)), unseen=settings.unseen, means=settings.means)
    drawn = rng.exponential(size=(settings.draws, int(owner.max()) + 1))
    return tuple(fit(rows, weights[owner], unseen=settings.unseen, start=first) for weights in drawn)
