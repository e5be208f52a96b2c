"""How often raters are right, from how often they agree.

The one-coin model of Dawid and Skene (1979): each rater is right with a probability of their own, independently of the
others. Two raters then agree with probability p q + (1 - p)(1 - q), so that twice their agreement less one is the
product of (2p - 1) and (2q - 1), and the reliabilities follow from the matrix of agreements alone (Dalvi, Dasgupta,
Kumar and Rastogi 2013, "Aggregating crowdsourced binary ratings"). Only these counts are needed on one machine, however
many votes there are.
"""

import math
from dataclasses import dataclass

import numpy as np

EXPECTED = 0.85
"""Reliability of a rater of whom nothing is known."""
STRENGTH = 4.0
"""How many votes, or comparisons, what is believed of a rater beforehand is worth."""

_ROUNDS = 200
_MOST = 0.98


@dataclass(frozen=True, slots=True)
class Agreements:
    """Of `together` subjects that both raters judged (each a number from 0; n pairs), they agreed on `agreed`. A pair
    may occur several times."""

    rater: np.ndarray
    other: np.ndarray
    together: np.ndarray
    agreed: np.ndarray


def fit_reliability(pairs: Agreements, raters: int, *, expected: float = EXPECTED) -> np.ndarray:
    """Probability of being right for each of so many raters: 0.5 is guessing, less is wrong on purpose or a swapped
    label.

    `expected` is what is believed of a rater nobody has been compared with. That most raters are better than guessing
    is assumed: agreement alone cannot tell a world from its mirror image.
    """
    rater, other = np.concatenate([pairs.rater, pairs.other]), np.concatenate([pairs.other, pairs.rater])
    together = np.tile(pairs.together, 2).astype(np.float64)
    product = 2 * np.tile(pairs.agreed, 2) / together - 1
    believed = 2 * expected - 1
    skill = np.full(raters, believed)
    for _ in range(_ROUNDS):
        fit = np.bincount(rater, together * product * skill[other], raters) + STRENGTH * believed
        room = np.bincount(rater, together * skill[other] ** 2, raters) + STRENGTH
        # Half a step: a full one can swing for ever between two raters who only know each other.
        after = (skill + np.clip(fit / room, -_MOST, _MOST)) / 2
        if np.abs(after - skill).max(initial=0) < 1e-9:
            break
        skill = after
    return (1 + skill) / 2


def log_odds(reliability: float) -> float:
    """What one vote adds to the logarithm of the odds that its side is right."""
    return math.log(reliability / (1 - reliability))
