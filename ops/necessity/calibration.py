"""Predictions that are no surer than they are right.

A head fitted on a few hundred turns gives noise a probability near 1, and by chance much of the noise is true. So the
probability of the likeliest answer is set to how often such an answer was right among turns that the heads did not see:
a logistic line over its logit (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), for each kind of
answer apart, since yes and no may be noise where numbers are not. The other answers share the rest as they did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

_FEWEST = 40  # turns of a kind below which the line of all kinds serves it
_RIDGE = 1.0
_TINY = 1e-3


@dataclass(frozen=True, slots=True)
class Tried:
    """Of n turns that the heads did not see: the probability of the likeliest answer, its kind, and whether it was
    right."""

    sureness: np.ndarray
    kinds: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, kinds: np.ndarray, y: np.ndarray) -> "Tried":
        """From probabilities (n, m) of the candidates, their kinds (m) and the places of the answers (n)."""
        likeliest = probabilities.argmax(axis=1)
        return cls(probabilities[np.arange(len(y)), likeliest], kinds[likeliest], likeliest == y)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Slope and height of the line: of all kinds, and of single ones. Without a line nothing is changed."""

    line: tuple[float, float] = (1.0, 0.0)
    by_kind: dict[int, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def fitted(cls, parts: Sequence[Tried]) -> "Calibration":
        """The lines that make what these turns were likeliest."""
        if not parts:
            return cls()
        sureness, kinds, right = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("sureness", "kinds", "right")
        )
        counted, counts = np.unique(kinds, return_counts=True)
        frequent: list[int] = counted[counts >= _FEWEST].tolist()
        lines = {kind: _line(sureness[kinds == kind], right[kinds == kind]) for kind in frequent}
        return cls(_line(sureness, right), lines)

    def applied(self, probabilities: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """Probabilities (n, m) of candidates of these kinds (m), the likeliest of each turn no surer than before."""
        at = np.arange(len(probabilities))
        likeliest = probabilities.argmax(axis=1)
        sureness = probabilities[at, likeliest]
        lines = np.array([self.by_kind.get(kind, self.line) for kind in kinds[likeliest].tolist()]).reshape(-1, 2)
        cooled = np.minimum(sureness, _sigmoid(lines[:, 0] * _logit(sureness) + lines[:, 1]))
        # What the likeliest answer loses goes to the others, as they stand to each other.
        rest = np.maximum(1 - sureness, _TINY)
        calibrated = probabilities * ((1 - cooled) / rest)[:, None]
        calibrated[at, likeliest] = cooled
        return calibrated / calibrated.sum(axis=1, keepdims=True)


def _line(sureness: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """The logistic line of `right` over the logit of `sureness`, rising, drawn to the one that changes nothing."""
    x = _logit(sureness)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        slope, height = line
        z = slope * x + height
        wrong = _sigmoid(z) - right
        drawn = np.array([slope - 1, height])
        value = float(np.logaddexp(0, np.where(right, -z, z)).sum() + _RIDGE / 2 * (drawn @ drawn))
        return value, np.array([wrong @ x, wrong.sum()]) + _RIDGE * drawn

    best = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return float(best.x[0]), float(best.x[1])


def _logit(p: np.ndarray) -> np.ndarray:
    clipped = np.clip(p.astype(np.float64), _TINY, 1 - _TINY)
    return np.log(clipped / (1 - clipped))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
