"""Annotators whose subjects are not all as hard as each other.

GLAD (Whitehill, Ruvolo, Wu, Bergsma and Movellan 2009, "Whose vote should count more"): a vote is right with the
logistic of the annotator's skill times the subject's easiness. Here easiness has two levels instead of a line, so that
it is summed over and no subject has a parameter of its own: of five votes one cannot tell more. Which side is likelier
follows from the skills as with one coin; how certain it is does not. Where people who mostly agree do not, the subject
may be a hard one, of which their votes say little.
"""

import math
from dataclasses import dataclass

import numpy as np

from ops.corpus.reliability import EXPECTED, STRENGTH, log_odds
from ops.corpus.votes import Votes

GLAD = "glad"
HARD = 0.2
"""Easiness of a hard subject, of an easy one 1: who is right on 95 in 100 easy ones is so on 64 in 100 hard ones."""
_ROUNDS, _STEPS = 60, 8
_MOST_SKILL = 7.0
_LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class Glad:
    """Each annotator's `skill` (n), the log-odds of being right on an easy subject, and the log-odds that a subject is
    hard."""

    skill: np.ndarray
    hard_odds: float
    model: str = GLAD
    prior_odds: float = 0.0

    @property
    def reliability(self) -> np.ndarray:
        """How often each is right (n), over easy and hard subjects."""
        hard = _logistic(self.hard_odds)
        return (1 - hard) * _logistic(self.skill) + hard * _logistic(HARD * self.skill)

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """What a yes adds to the log-odds of yes, and a no to those of no, on an easy subject (n each)."""
        return self.skill, self.skill

    @property
    def of_all(self) -> "Glad":
        """What is believed of one more annotator: what is expected of one who is compared with nobody."""
        return Glad(np.array([log_odds(EXPECTED)]), self.hard_odds)

    @property
    def doubts(self) -> np.ndarray:
        """What a vote adds to the log-odds that the subject is hard, before it is known which side is right (n)."""
        return _log_cosh(self.skill / 2) - _log_cosh(HARD * self.skill / 2)

    def log_odds(self, votes: Votes) -> np.ndarray:
        """The log-odds of yes of each subject."""
        easy, hard = self._sums(votes)
        return np.logaddexp(easy, hard + HARD * easy) - np.logaddexp(-easy, hard - HARD * easy)

    def beliefs(self, votes: Votes) -> np.ndarray:
        """Of each subject the probabilities that it is an easy yes, an easy no, a hard yes and a hard no (n, 4)."""
        easy, hard = self._sums(votes)
        logs = np.stack([easy, -easy, hard + HARD * easy, hard - HARD * easy], axis=1)
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def likelihood(self, votes: Votes, beliefs: np.ndarray) -> np.ndarray:
        """The logarithm of the chance of each vote, given the beliefs in each subject."""
        easy, hard = _right(votes, beliefs)
        own = beliefs[votes.subject]
        all_easy = own[:, 0] + own[:, 1]
        of_easy, of_hard = _logistic(self.skill)[votes.rater], _logistic(HARD * self.skill)[votes.rater]
        chance = easy * of_easy + (all_easy - easy) * (1 - of_easy)
        return np.log(chance + hard * of_hard + (1 - all_easy - hard) * (1 - of_hard))

    def _sums(self, votes: Votes) -> tuple[np.ndarray, np.ndarray]:
        """Half the log-odds of yes of each subject were it easy, and its log-odds of being hard."""
        own = self.skill[votes.rater]
        easy = np.bincount(votes.subject, np.where(votes.side, own, -own), votes.subjects) / 2
        return easy, np.bincount(votes.subject, self.doubts[votes.rater], votes.subjects) + self.hard_odds


def fit_glad(votes: Votes) -> Glad:
    """Expectation and maximisation from what is expected of annotators; one with few votes is drawn towards it."""
    model = Glad(np.full(votes.raters, log_odds(EXPECTED)), 0.0)
    of_all = np.bincount(votes.rater, minlength=votes.raters).astype(np.float64)
    heard = np.bincount(votes.subject, minlength=votes.subjects) > 0
    belief = model.beliefs(votes)
    for _ in range(_ROUNDS):
        right = [np.bincount(votes.rater, of_level, votes.raters) for of_level in _right(votes, belief)]
        all_easy = np.bincount(votes.rater, (belief[:, 0] + belief[:, 1])[votes.subject], votes.raters)
        skill = _skills(model.skill, (right[0], right[1]), (all_easy, of_all - all_easy))
        hard = float(belief[heard, 2:].sum()) + 1
        model = Glad(skill, math.log(hard / (int(heard.sum()) + 2 - hard)))
        after = model.beliefs(votes)
        moved = float(np.abs(after - belief).max(initial=0))
        belief = after
        if moved < _LEAST:
            break
    return model


def _right(votes: Votes, beliefs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How likely the subject of each vote is an easy one of its side, and a hard one."""
    column = 1 - votes.side.astype(np.int64)
    return beliefs[votes.subject, column], beliefs[votes.subject, column + 2]


def _skills(skill: np.ndarray, right: tuple[np.ndarray, np.ndarray], of: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The skills (n) under which so many votes are right, of so many on easy and on hard subjects: by Newton's steps,
    for the logarithm of the likelihood is concave. What is expected counts as STRENGTH more votes on easy ones."""
    easy_right, easy_of = right[0] + STRENGTH * EXPECTED, of[0] + STRENGTH
    for _ in range(_STEPS):
        easy, hard = _logistic(skill), _logistic(HARD * skill)
        slope = easy_right - easy_of * easy + HARD * (right[1] - of[1] * hard)
        bend = easy_of * easy * (1 - easy) + HARD**2 * of[1] * hard * (1 - hard)
        skill = np.clip(skill + np.clip(slope / bend, -1, 1), -_MOST_SKILL, _MOST_SKILL)
    return skill


def _logistic(odds: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(odds)))


def _log_cosh(half: np.ndarray) -> np.ndarray:
    """The logarithm of the hyperbolic cosine, less log 2 on both sides that are compared."""
    return np.logaddexp(half, -half)
