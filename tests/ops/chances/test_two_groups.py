"""Two groups, against samples of which it is known which rows belong to which."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.chances.crossfit import Chances, CrossFit, FitSettings, Standard
from ops.chances.two_groups import Ranked, TwoGroups, fit

OTHERS = 128
SETTINGS = FitSettings(folds=4, draws=2, most_rows=2000, unseen=0.005)


def sampled(seed: int, *, rows: int, share: float, fits: float = 2.0, blind: float = 0.0) -> tuple[Ranked, np.ndarray]:
    """Ranks among OTHERS other images, and which rows have a wrong image: then a row's score is drawn as those of the
    others are, else `fits` higher with a spread of 0.6. Of all rows a share `blind`, whose covariate is -2, says
    nothing whatever its image."""
    rng = np.random.default_rng(seed)
    wrong, mute = rng.random(rows) < share, rng.random(rows) < blind
    own = np.where(wrong | mute, rng.normal(size=rows), rng.normal(fits, 0.6, size=rows))
    rank = 1 + (rng.normal(size=(rows, OTHERS)) >= own[:, None]).sum(axis=1)
    return Ranked.of_ranks(rank, np.full(rows, OTHERS), np.where(mute, -2.0, 0.3)[:, None]), wrong


def estimate(rows: Ranked, keys: np.ndarray, settings: FitSettings) -> Chances:
    return CrossFit.of(rows, keys, settings).chances(rows, keys)


def keys_of(rows: Ranked) -> np.ndarray:
    return np.array([f"{n:06}" for n in range(len(rows))])


@pytest.mark.full
@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
def test_probabilities_come_true_as_often_as_they_say(share: float) -> None:
    rows, wrong = sampled(1, rows=2000, share=share)
    models = CrossFit.of(rows, keys_of(rows), replace(SETTINGS, unseen=0.0))
    chances = models.chances(rows, keys_of(rows))
    assert models.share == pytest.approx(share, abs=0.02)
    assert models.low <= models.share <= models.high
    for least, most in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.0)):
        inside = (least <= chances.probability) & (chances.probability <= most)
        if inside.sum() > 50:
            sigma = np.sqrt(0.25 / inside.sum())
            assert chances.probability[inside].mean() == pytest.approx(wrong[inside].mean(), abs=0.05 + 2 * sigma)
    flagged = chances.probability >= 0.5
    assert wrong[flagged].mean() > 0.7
    assert flagged[wrong].mean() > 0.6


@pytest.mark.parametrize("fits", [0.0, 0.5, 1.5, 3.0])
def test_a_delivery_without_a_wrong_image_gets_no_flags(fits: float) -> None:
    """Also of an encoder that understands nothing, or little."""
    rows, _ = sampled(3, rows=400, share=0.0, fits=fits)
    assert (estimate(rows, keys_of(rows), SETTINGS).probability >= 0.5).mean() <= 0.005


def test_texts_that_say_nothing_do_not_count_as_wrong() -> None:
    """A tenth of the rows is mute: with the covariate that tells, few of them are flagged, and the rest still is."""
    rows, wrong = sampled(4, rows=1500, share=0.08, blind=0.1)
    models = CrossFit.of(rows, keys_of(rows), SETTINGS)
    chances = models.chances(rows, keys_of(rows))
    mute = rows.covariates[:, 0] < 0
    assert models.share == pytest.approx(0.08, abs=0.03)
    assert (chances.probability[mute & ~wrong] >= 0.5).mean() < 0.05
    assert (chances.probability[wrong & ~mute] >= 0.5).mean() > 0.6
    unaware = estimate(replace(rows, covariates=np.zeros((len(rows), 0))), keys_of(rows), SETTINGS)
    assert (unaware.probability[mute & ~wrong] >= 0.5).mean() > 0.3


@given(
    share=st.floats(0.0, 0.9),
    coefficients=st.lists(st.floats(-3, 3), min_size=2, max_size=2),
    spread=st.floats(0.3, 1.0),
    compared=st.integers(2, 300),
)
def test_a_probability_never_falls_with_the_rank(
    share: float, coefficients: list[float], spread: float, compared: int
) -> None:
    rank = np.arange(1, compared + 2)
    rows = Ranked.of_ranks(rank, np.full(len(rank), compared), np.full((len(rank), 1), 0.7))
    probability = TwoGroups(share, np.array(coefficients), spread, 0.01).probability(rows)
    assert np.all(np.diff(probability) >= -1e-9)
    assert np.all((probability >= 0) & (probability <= 1))


def test_rows_of_the_same_image_are_kept_together() -> None:
    """A key's own rows teach nothing of it: with the ranks of one key turned round, only the others' change."""
    rows, _ = sampled(2, rows=400, share=0.2)
    keys = np.array([f"{n // 100}" for n in range(400)])
    before = estimate(rows, keys, SETTINGS)
    start, end = (
        np.where(keys == "0", edges, own) for edges, own in ((1 - rows.end, rows.start), (1 - rows.start, rows.end))
    )
    after = estimate(Ranked(start, end, rows.covariates), keys, SETTINGS)
    again = np.flatnonzero((keys == "0") & np.isclose(start, rows.start))
    np.testing.assert_allclose(after.fit_score[keys == "0"], before.fit_score[keys == "0"])
    np.testing.assert_allclose(after.probability[again], before.probability[again])
    assert not np.allclose(after.fit_score[keys != "0"], before.fit_score[keys != "0"])


def test_what_cannot_be_fitted_says_so() -> None:
    rows, _ = sampled(2, rows=10, share=0.2)
    with pytest.raises(ValueError, match="no rows"):
        fit(rows.take(np.zeros(0, dtype=np.int64)), np.zeros(0), unseen=0.01)
    with pytest.raises(ValueError, match="2 different keys cannot be cut into 4 parts"):
        estimate(rows, np.array(["a"] * 5 + ["b"] * 5), SETTINGS)


def test_covariates_are_standardised_and_those_without_spread_are_none() -> None:
    values = np.column_stack([np.exp(np.arange(9.0)), np.full(9, 3.0), [*[1.0] * 8, 1e9]])
    standard = Standard.of(values).units(values)
    assert np.median(standard[:, 0]) == 0
    assert standard[:, 0].std() == pytest.approx(1)
    assert not standard[:, 1].any()
    assert np.abs(standard).max() <= 3.0
