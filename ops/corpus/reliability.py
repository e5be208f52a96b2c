"""How often raters are right, from how often they agree.

The one-coin model of Dawid and Skene (1979): each rater is right with a probability of their own, independently of the
others. Two raters then agree with probability p q + (1 - p)(1 - q), so that twice their agreement less one is the
product of (2p - 1) and (2q - 1), and the reliabilities follow from the matrix of agreements alone (Dalvi, Dasgupta,
Kumar and Rastogi 2013, "Aggregating crowdsourced binary ratings"). Only these counts are needed on one machine, however
many votes there are.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

EXPECTED = 0.85
"""Reliability of a rater of whom nothing is known."""

_ROUNDS = 200
_MOST = 0.98


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `together` subjects that both raters judged, they agreed on `agreed`."""

    rater: str
    other: str
    together: int
    agreed: int


def fit_reliability(
    agreements: Iterable[Agreement], *, expected: float = 0.85, strength: float = 4.0
) -> dict[str, float]:
    """Probability of being right for each rater: 0.5 is guessing, less is wrong on purpose or a swapped label.

    `expected` is what is believed of a rater nobody has been compared with, and `strength` how many comparisons that
    belief is worth. That most raters are better than guessing is assumed: agreement alone cannot tell a world from its
    mirror image.
    """
    pairs = sorted(agreements, key=lambda a: (a.rater, a.other))
    names = sorted({name for pair in pairs for name in (pair.rater, pair.other)})
    if not names:
        return {}
    at = {name: n for n, name in enumerate(names)}
    raters = np.array([at[pair.rater] for pair in pairs] + [at[pair.other] for pair in pairs])
    others = np.array([at[pair.other] for pair in pairs] + [at[pair.rater] for pair in pairs])
    together = np.array([pair.together for pair in pairs] * 2, dtype=np.float64)
    product = 2 * np.array([pair.agreed / pair.together for pair in pairs] * 2) - 1
    believed = 2 * expected - 1
    skill = np.full(len(names), believed)
    for _ in range(_ROUNDS):
        fit = np.bincount(raters, together * product * skill[others], len(names)) + strength * believed
        room = np.bincount(raters, together * skill[others] ** 2, len(names)) + strength
        # Half a step: a full one can swing for ever between two raters who only know each other.
        after = (skill + np.clip(fit / room, -_MOST, _MOST)) / 2
        if np.abs(after - skill).max() < 1e-9:
            break
        skill = after
    return {name: float((1 + s) / 2) for name, s in zip(names, skill, strict=True)}


def log_odds(reliability: float) -> float:
    """What one vote adds to the logarithm of the odds that its side is right."""
    return math.log(reliability / (1 - reliability))
