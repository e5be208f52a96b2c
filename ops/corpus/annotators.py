"""Which model of annotators tells most of a source's votes, and what each annotator's vote weighs by it.

Four models of votes with two sides: all annotators are right equally often, so that the majority decides
(`majority`); each has a chance of being right (`one_coin`, fitted on how often they agree: reliability.py); each has
a chance for either side (`class_wise`: Dawid and Skene 1979, fitted by expectation and maximisation), where sides mean
the same in all subjects; or some subjects are harder than others (`glad`: glad.py). Each is used only where it gives
votes which were held out a likelihood above that of the simpler ones, by more than two standard errors; no truth is
looked at.

MACE (Hovy, Berg-Kirkpatrick, Vaswani and Hovy 2013) is none of them: an annotator who knows the answer, or guesses with
a leaning, has of two sides a chance for either, so that it is `class_wise` but for annotators worse than guessing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ops.corpus.glad import GLAD, Glad, fit_glad
from ops.corpus.reliability import EXPECTED, STRENGTH, fit_reliability
from ops.corpus.votes import Votes

MAJORITY, ONE_COIN, CLASS_WISE = "majority", "one_coin", "class_wise"
_FEWEST = 50
"""Subjects below which the majority decides without a comparison."""
_CHOOSING = 100_000
"""Votes that models are compared on."""
_ROUNDS, _FOLDS = 60, 5
_ERRORS = 2.0
_LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class Annotators:
    """The model of a source's annotators: the chance (n) that each says yes where it is so, and no where it is not, and
    the share of the subjects where it is."""

    model: str
    yes: np.ndarray
    no: np.ndarray
    prior: float

    @property
    def reliability(self) -> np.ndarray:
        """How often each is right (n)."""
        return self.prior * self.yes + (1 - self.prior) * self.no

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """What a yes adds to the log-odds of yes, and a no to those of no (n each)."""
        return np.log(self.yes / (1 - self.no)), np.log(self.no / (1 - self.yes))

    @property
    def of_all(self) -> "Annotators":
        """What is believed of one more annotator: the mean of these."""
        return Annotators(self.model, self.yes.mean(keepdims=True), self.no.mean(keepdims=True), self.prior)

    @property
    def prior_odds(self) -> float:
        """The log-odds of yes before any vote."""
        return math.log(self.prior / (1 - self.prior))

    def beliefs(self, votes: Votes) -> np.ndarray:
        """The probability of yes of each subject."""
        return 1 / (1 + np.exp(-np.clip(self.prior_odds + _evidence(votes, *self.weights), -500, 500)))

    def likelihood(self, votes: Votes, beliefs: np.ndarray) -> np.ndarray:
        """The logarithm of the chance of each vote, given the probability of yes of each subject."""
        yes = np.where(votes.side, self.yes[votes.rater], 1 - self.yes[votes.rater])
        no = np.where(votes.side, 1 - self.no[votes.rater], self.no[votes.rater])
        own = beliefs[votes.subject]
        return np.log(own * yes + (1 - own) * no)


Fitted = Annotators | Glad
Fit = Callable[[Votes], Fitted]


def chosen(votes: Votes, *, has_classes: bool) -> Fitted:
    """The model to use of these votes (`has_classes`: whether a side means the same in all subjects), fitted on all."""
    fits: dict[str, Fit] = {MAJORITY: fit_majority, ONE_COIN: fit_one_coin}
    if has_classes:
        fits[CLASS_WISE] = fit_class_wise
    fits[GLAD] = fit_glad
    return fits[_best(votes.first(_CHOOSING), fits)](votes)


def _best(votes: Votes, fits: dict[str, Fit]) -> str:
    if votes.subjects < _FEWEST or votes.raters < 2:
        return MAJORITY
    likelihood = {name: held_out(votes, fit) for name, fit in fits.items()}
    best = MAJORITY
    for name in fits:
        # Votes on one subject depend on each other, so that the gain varies by subject.
        gain = np.bincount(votes.subject, likelihood[name] - likelihood[best], votes.subjects)
        best = name if gain.sum() > _ERRORS * gain.std() * math.sqrt(votes.subjects) else best
    return best


def held_out(votes: Votes, fit: Fit) -> np.ndarray:
    """Log-likelihood of each vote under the model that was fitted without its fold."""
    fold = np.random.default_rng(0).permutation(len(votes.side)) % _FOLDS
    likelihood = np.zeros(len(votes.side))
    for own in range(_FOLDS):
        rest, test = votes.where(fold != own), votes.where(fold == own)
        model = fit(rest)
        likelihood[fold == own] = model.likelihood(test, model.beliefs(rest))
    return likelihood


def fit_majority(votes: Votes) -> Annotators:
    """One chance of being right for all."""
    return _maximised(votes, MAJORITY, _shared)


def fit_one_coin(votes: Votes) -> Annotators:
    """A chance of being right for each annotator; of one who is compared with nobody, what is expected."""
    right = fit_reliability(votes.agreements(), votes.raters)
    return _maximised(votes, ONE_COIN, lambda _yes, _no: (right, right))


def fit_class_wise(votes: Votes) -> Annotators:
    """A chance of being right for each annotator and side, drawn towards that of all."""
    return _maximised(votes, CLASS_WISE, _by_side)


Counts = tuple[np.ndarray, np.ndarray]
"""Of each annotator, the votes that are right and all, where it is so (or where it is not)."""
Chances = Callable[[Counts, Counts], tuple[np.ndarray, np.ndarray]]


def _shared(yes: Counts, no: Counts) -> tuple[np.ndarray, np.ndarray]:
    right, of = yes[0] + no[0], yes[1] + no[1]
    share = np.full(len(of), (right.sum() + STRENGTH * EXPECTED) / (of.sum() + STRENGTH))
    return share, share


def _by_side(yes: Counts, no: Counts) -> tuple[np.ndarray, np.ndarray]:
    drawn = [(right + STRENGTH * (right.sum() + 1) / (of.sum() + 2)) / (of + STRENGTH) for right, of in (yes, no)]
    return drawn[0], drawn[1]


def _maximised(
    votes: Votes, model: str, chances: Callable[[Counts, Counts], tuple[np.ndarray, np.ndarray]]
) -> Annotators:
    """Expectation and maximisation from the shares of the votes on, with the chances that counts of votes give."""
    of_yes = np.bincount(votes.rater, votes.side, votes.raters)
    of_all = np.bincount(votes.rater, minlength=votes.raters).astype(np.float64)
    on_subject = np.bincount(votes.subject, minlength=votes.subjects)
    belief = np.bincount(votes.subject, votes.side, votes.subjects) / np.maximum(on_subject, 1)
    heard = on_subject > 0
    belief = np.where(heard, belief, 0.5)
    fitted = Annotators(model, np.zeros(0), np.zeros(0), 0.5)
    for _ in range(_ROUNDS):
        own = belief[votes.subject]
        is_so = np.bincount(votes.rater, own, votes.raters)
        yes_and_so = np.bincount(votes.rater, own * votes.side, votes.raters)
        # Of the votes where it is not so, those that say no are all that say no less those where it is so.
        no_and_not = (of_all - of_yes) - (is_so - yes_and_so)
        of_yes_side, of_no_side = chances((yes_and_so, is_so), (no_and_not, of_all - is_so))
        prior = (float(belief[heard].sum()) + 1) / (int(heard.sum()) + 2)
        yes, no = (np.clip(share, _LEAST, 1 - _LEAST) for share in (of_yes_side, of_no_side))
        fitted = Annotators(model, yes, no, prior)
        after = fitted.beliefs(votes)
        moved = float(np.abs(after - belief).max(initial=0))
        belief = after
        if moved < _LEAST:
            break
    return fitted


def _evidence(votes: Votes, for_yes: np.ndarray, for_no: np.ndarray) -> np.ndarray:
    """The log-odds of yes that the votes add up to, by subject."""
    signed = np.where(votes.side, for_yes[votes.rater], -for_no[votes.rater])
    return np.bincount(votes.subject, signed, votes.subjects)
