"""Annotators and hard subjects: what was planted is recovered, and certainty is what it says it is."""

from itertools import product

import numpy as np
import pytest

from ops.corpus.annotators import fit_one_coin
from ops.corpus.glad import HARD, Glad, fit_glad
from ops.corpus.votes import Votes
from tests.support.planted_annotators import planted, right_share


def test_how_right_annotators_are_and_how_many_subjects_are_hard_is_recovered() -> None:
    votes, truth = planted("hard", 2, subjects=3000, raters=12, each=8)
    model = fit_glad(votes)
    right = np.bincount(votes.rater, votes.side == truth[votes.subject]) / np.bincount(votes.rater)
    assert np.abs(model.reliability - right).max() < 0.05
    assert 1 / (1 + np.exp(-model.hard_odds)) == pytest.approx(0.4, abs=0.1)


def test_it_decides_as_rightly_as_one_coin_and_is_certain_where_it_is_right() -> None:
    votes, truth = planted("hard", 3, subjects=1000, each=12)
    model, coin = fit_glad(votes), fit_one_coin(votes)
    of_coin = np.bincount(votes.subject, np.where(votes.side, 1, -1) * coin.weights[0][votes.rater], votes.subjects)
    odds = model.log_odds(votes)
    assert right_share(odds, truth) > right_share(of_coin, truth) - 0.02
    wrong, wrong_of_coin = (float(((own > 0) != truth)[np.abs(own) >= np.log(4)].mean()) for own in (odds, of_coin))
    assert wrong < 0.7 * wrong_of_coin


def test_log_odds_and_chances_are_those_of_all_four_cases_added_up() -> None:
    skill, hard = np.array([2.0, -0.5, 1.0]), 0.3
    model = Glad(skill, float(np.log(hard / (1 - hard))))
    for sides in product((False, True), repeat=3):
        votes = Votes(np.zeros(3, dtype=np.int64), np.arange(3), np.array(sides), 1, 3)
        chances = [
            share * np.prod([_chance(easiness * own, side is is_so) for own, side in zip(skill, sides, strict=True)])
            for easiness, share in ((1.0, 1 - hard), (HARD, hard))
            for is_so in (True, False)
        ]
        beliefs = model.beliefs(votes)
        assert beliefs[0] == pytest.approx(np.array(chances) / sum(chances))
        assert model.log_odds(votes)[0] == pytest.approx(
            np.log((beliefs[0, 0] + beliefs[0, 2]) / beliefs[0, 1::2].sum())
        )
        turned = Votes(votes.subject, votes.rater, ~votes.side, 1, 3)
        both = np.exp(model.likelihood(votes, beliefs)) + np.exp(model.likelihood(turned, beliefs))
        assert both == pytest.approx(np.ones(3))


def test_nobody_and_one_who_is_compared_with_nobody() -> None:
    nothing = Votes(*(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0, dtype=bool), 0, 0)
    assert fit_glad(nothing).skill.tolist() == []
    alone = fit_glad(Votes(np.arange(5), np.zeros(5, dtype=np.int64), np.ones(5, dtype=bool), 5, 1))
    assert 0.5 < alone.reliability[0] < 0.95


def _chance(odds: float, is_right: bool) -> float:
    return float(1 / (1 + np.exp(-odds if is_right else odds)))
