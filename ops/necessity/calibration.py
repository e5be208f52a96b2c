"""Predictions that are no surer than they are right.

A head fitted on a few hundred turns gives noise a probability near 1, and by chance much of the noise is true. So the
probability of the likeliest answer is set to how often answers as likely were right among turns that the heads did not
see (isotonic regression: Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
Estimates", 2002), for each kind of answer apart, since yes and no may be noise where numbers are not. The other answers
share the rest as they did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_FEWEST = 40  # turns of a kind below which the curve of all kinds serves it
_PRIOR = 2.0  # turns' worth of the mean mixed into each step, so that a few right ones do not make it sure
_TINY = 1e-6


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
class Curve:
    """How often an answer was right (`share`, k) by its probability (`sureness`, k, rising); nothing is changed where
    both are the same."""

    sureness: np.ndarray
    share: np.ndarray

    @classmethod
    def fitted(cls, sureness: np.ndarray, right: np.ndarray) -> "Curve":
        """The rising steps that are nearest to what happened."""
        levels, level_of, counts = np.unique(sureness, return_inverse=True, return_counts=True)
        shares = np.bincount(level_of, weights=right) / counts
        means, sizes, widths = _pooled(shares, counts)
        steps = np.maximum.accumulate((means * sizes + right.mean() * _PRIOR) / (sizes + _PRIOR))
        return cls(levels, np.repeat(steps, widths))

    def at(self, sureness: np.ndarray) -> np.ndarray:
        """The shares at these probabilities (n)."""
        return np.interp(sureness, self.sureness, self.share)


def _pooled(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbouring levels (k) pooled until their shares rise: means, turns and levels of each step."""
    steps: list[tuple[float, int, int]] = []
    for share, count in zip(shares.tolist(), counts.tolist(), strict=True):
        mean, size, width = float(share), int(count), 1
        while steps and steps[-1][0] >= mean:
            before, turns, levels = steps.pop()
            mean = (before * turns + mean * size) / (turns + size)
            size, width = size + turns, width + levels
        steps.append((mean, size, width))
    means, sizes, widths = zip(*steps, strict=True)
    return np.array(means), np.array(sizes), np.array(widths)


_UNCHANGED = Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curve of all kinds of answer, and those of single ones."""

    curve: Curve = _UNCHANGED
    by_kind: dict[int, Curve] = field(default_factory=dict)

    @classmethod
    def fitted(cls, parts: Sequence[Tried]) -> "Calibration":
        """The curves of these turns; without turns nothing is changed."""
        if not sum(len(part.right) for part in parts):
            return cls()
        sureness, kinds, right = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("sureness", "kinds", "right")
        )
        counted, counts = np.unique(kinds, return_counts=True)
        frequent: list[int] = counted[counts >= _FEWEST].tolist()
        curves = {kind: Curve.fitted(sureness[kinds == kind], right[kinds == kind]) for kind in frequent}
        return cls(Curve.fitted(sureness, right), curves)

    def applied(self, probabilities: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """Probabilities (n, m) of candidates of these kinds (m), the likeliest of each turn no surer than before."""
        at = np.arange(len(probabilities))
        likeliest = probabilities.argmax(axis=1)
        sureness = probabilities[at, likeliest]
        shares = self.curve.at(sureness)
        for kind, curve in self.by_kind.items():
            shares = np.where(kinds[likeliest] == kind, curve.at(sureness), shares)
        cooled = np.minimum(sureness, shares)
        # What the likeliest answer loses goes to the others, as they stand to each other.
        rest = np.maximum(1 - sureness, _TINY)
        calibrated = probabilities * ((1 - cooled) / rest)[:, None]
        calibrated[at, likeliest] = cooled
        return calibrated / calibrated.sum(axis=1, keepdims=True)
