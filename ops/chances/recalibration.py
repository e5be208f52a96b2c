"""Probabilities that labels of persons correct.

What canaries tell stands on how faults are taken to score (known_faults.py); labels say how often rows of a probability
are faulty indeed. The log odds are stretched and moved by a logistic regression of the labels on them (Platt,
"Probabilistic outputs for support vector machines", 1999), which starts from leaving them as they are: that is its
prior, so that few labels change little. The correction holds only where it foretells labels better that it has not
seen (cross-fitting) than no correction does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from ops.core.identity import digest

FEWEST, FEWEST_EACH = 40, 8
"""Labels from which a correction is sought, and labels of either kind among them."""
_FOLDS = 5
#: Precision of the normal priors: of the stretch about 1, and of the move about 0.
_RIDGE = np.array([4.0, 0.5])
_LEAST = 1e-4  # a probability that stands for 0
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The log odds of a probability are `stretch` times what they were, and `move` more, as `labels` rows tell. `why`
    they tell nothing is empty where they do; then probabilities stay as they are."""

    labels: int
    stretch: float = 1.0
    move: float = 0.0
    why: str = ""

    def corrected(self, probability: np.ndarray) -> np.ndarray:
        """The probabilities (of any shape) as labels correct them; NaN stays."""
        if self.why:
            return probability
        return expit(self.stretch * _log_odds(probability) + self.move)


def recalibration(
    ids: Sequence[str], probability: np.ndarray, faulty: np.ndarray, weights: np.ndarray
) -> Recalibration:
    """From the probabilities of labelled rows (n) that were drawn with these weights, by id, and whether each is faulty
    (n, bool)."""
    count = len(faulty)
    few = min(int(faulty.sum()), int((~faulty).sum()))
    if count < FEWEST or few < FEWEST_EACH:
        return Recalibration(count, why=f"{count} labels, {few} of one kind: {FEWEST} and {FEWEST_EACH} are asked for")
    odds, share = _log_odds(probability), weights / weights.mean()
    part = np.array([int(digest(f"label {name}", size=4), 16) % _FOLDS for name in ids], dtype=np.int64)
    foretold = np.empty(count)
    for number in range(_FOLDS):
        mine = part == number
        stretch, move = _fit(odds[~mine], faulty[~mine], share[~mine])
        foretold[mine] = stretch * odds[mine] + move
    if _loss(foretold, faulty, share) >= _loss(odds, faulty, share):
        return Recalibration(count, why="labels that a correction has not seen are foretold no better by it")
    return Recalibration(count, *_fit(odds, faulty, share))


def _log_odds(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(probability, _LEAST, 1 - _LEAST))


def _loss(odds: np.ndarray, faulty: np.ndarray, weights: np.ndarray) -> float:
    """The mean of minus the log of the likelihood of what is so, in nats."""
    return float((weights * np.logaddexp(0.0, np.where(faulty, -odds, odds))).sum() / weights.sum())


def _fit(odds: np.ndarray, faulty: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Stretch and move, by Newton's steps."""
    rows, point = np.stack([odds, np.ones_like(odds)], axis=1), np.array([1.0, 0.0])
    prior = point.copy()
    for _ in range(_STEPS):
        likely = expit(rows @ point)
        slope = rows.T @ (weights * (likely - faulty)) + _RIDGE * (point - prior)
        bend = (rows * (weights * likely * (1 - likely))[:, None]).T @ rows + np.diag(_RIDGE)
        step = np.linalg.solve(bend, slope)
        point = point - step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-12))
        # A worse score must not count less, whatever a few labels say.
        point[0] = max(point[0], 0.1)
    return float(point[0]), float(point[1])
