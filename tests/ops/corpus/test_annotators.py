"""Models of annotators: the one that made the votes is chosen, and none is worse than the majority but by noise."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ops.corpus.annotators import CLASS_WISE, MAJORITY, ONE_COIN, Fitted, chosen, fit_class_wise
from ops.corpus.glad import GLAD, Glad
from ops.corpus.votes import Votes
from tests.support.planted_annotators import planted, right_share


def decided(model: Fitted, votes: Votes) -> np.ndarray:
    """The log-odds of yes by which the product decides."""
    if isinstance(model, Glad):
        return model.log_odds(votes)
    for_yes, for_no = model.weights
    signed = np.where(votes.side, for_yes[votes.rater], -for_no[votes.rater])
    return np.bincount(votes.subject, signed, votes.subjects) + (model.prior_odds if model.model == CLASS_WISE else 0.0)


@pytest.mark.parametrize(
    ("kind", "each", "name"),
    [("alike", 5, MAJORITY), ("unlike", 5, ONE_COIN), ("leaning", 5, CLASS_WISE), ("hard", 12, GLAD)],
)
def test_the_model_that_made_the_votes_is_chosen_mostly(kind: str, each: int, name: str) -> None:
    models = [chosen(planted(kind, seed, each=each)[0], has_classes=True).model for seed in range(4)]
    assert models.count(name) >= 3


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["alike", "unlike", "leaning", "hard"]), st.integers(0, 10**6), st.booleans())
@example("leaning", 0, True)
@example("hard", 0, False)
def test_none_is_worse_than_the_majority_by_more_than_noise(kind: str, seed: int, has_classes: bool) -> None:
    votes, truth = planted(kind, seed, subjects=300)
    model = chosen(votes, has_classes=has_classes)
    majority = np.bincount(votes.subject, 2.0 * votes.side - 1, votes.subjects)
    # Three standard errors of a difference of shares of 300.
    assert right_share(decided(model, votes), truth) >= right_share(majority, truth) - 3 * (0.2 / 300) ** 0.5
    assert has_classes or model.model != CLASS_WISE


def test_few_votes_and_one_annotator_are_left_to_the_majority() -> None:
    votes, _ = planted("unlike", 1, subjects=30)
    assert chosen(votes, has_classes=True).model == MAJORITY
    nobody = Votes(*(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0, dtype=bool), 0, 0)
    assert chosen(nobody, has_classes=True).model == MAJORITY


def test_the_chances_of_either_side_are_recovered() -> None:
    votes, truth = planted("leaning", 3, subjects=3000, raters=10)
    model = fit_class_wise(votes)
    for side, chances in ((True, model.yes), (False, model.no)):
        own = truth[votes.subject] == side
        right = np.bincount(votes.rater[own], votes.side[own] == side, votes.raters) / np.bincount(votes.rater[own])
        assert np.abs(chances - right).max() < 0.08
    assert abs(model.prior - truth.mean()) < 0.05


def test_the_numbers_of_annotators_decide_nothing() -> None:
    votes, _ = planted("leaning", 5)
    turned = votes.raters - 1 - votes.rater
    order = np.lexsort((turned, votes.subject))
    again = Votes(votes.subject[order], turned[order], votes.side[order], votes.subjects, votes.raters)
    assert fit_class_wise(again).yes == pytest.approx(fit_class_wise(votes).yes[::-1])
