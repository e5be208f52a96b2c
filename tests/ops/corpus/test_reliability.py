"""Reliability of raters from their agreements."""

from itertools import combinations

import numpy as np
import pytest

from ops.corpus.reliability import Agreements, fit_reliability, log_odds


def agreements_of(truth: list[float], subjects: int, *, each: int, seed: int) -> Agreements:
    """Agreements of raters with the given reliabilities, `each` of whom judge every subject."""
    drawn = np.random.default_rng(seed)
    rows: list[tuple[int, int, int, bool]] = []
    for _ in range(subjects):
        chosen = sorted(drawn.choice(len(truth), each, replace=False).tolist())
        right = {rater: drawn.random() < truth[rater] for rater in chosen}
        rows += [(rater, other, 1, right[rater] == right[other]) for rater, other in combinations(chosen, 2)]
    return Agreements(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


def test_planted_reliabilities_are_recovered() -> None:
    truth = [*np.linspace(0.55, 0.97, 12).tolist(), 0.2]
    fitted = fit_reliability(agreements_of(truth, 6000, each=3, seed=1), len(truth))
    assert np.abs(fitted - truth).max() < 0.06
    assert np.corrcoef(fitted, truth)[0, 1] > 0.98


def test_a_rater_seldom_compared_stays_near_what_is_expected() -> None:
    none = np.zeros(0, dtype=np.int64)
    apart = Agreements(*(np.array([value]) for value in (0, 1, 1, 0)))
    fitted = fit_reliability(apart, 3, expected=0.85)
    assert 0.6 < fitted[0] < 0.85
    assert fitted[1] == pytest.approx(fitted[0])
    assert fitted[2] == pytest.approx(0.85)
    assert fit_reliability(Agreements(none, none, none, none), 0).tolist() == []


def test_order_and_numbers_do_not_matter() -> None:
    made = agreements_of([0.9, 0.7, 0.6], 200, each=2, seed=2)
    renamed = Agreements(2 - made.other[::-1], 2 - made.rater[::-1], made.together[::-1], made.agreed[::-1])
    assert fit_reliability(made, 3) == pytest.approx(fit_reliability(renamed, 3)[::-1])


def test_weight_of_a_vote() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(0.8) == pytest.approx(-log_odds(0.2))
