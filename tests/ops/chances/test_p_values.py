"""Chances from p-values, against samples of which it is known which units are faulty."""

import numpy as np
import pytest

from ops.chances.p_values import FEWEST_UNITS, PValueModel, fit_p_values

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)


def sampled(seed: int, *, share: float, units: int = 120, high: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """p-values and which units are faulty. Logarithms of the faulty ones lie at 30, with a spread of 8, which is not
    how they are taken to lie; sound ones are a random number to the power of 1 / `high`."""
    rng = np.random.default_rng(seed)
    faulty = rng.permutation(units) < round(share * units)
    surprise = np.maximum(rng.normal(30, 8, units), 0.01)
    return np.where(faulty, np.exp(-surprise), rng.random(units) ** (1 / high)), faulty


def of_units(model: PValueModel, p_values: np.ndarray) -> np.ndarray:
    """The chance of each, and the ends of its interval (3, n)."""
    return model.chances([""] * len(p_values), -p_values)


@pytest.mark.parametrize("high", [1.0, 4.0])
@pytest.mark.parametrize("share", SHARES)
def test_chances_come_true_as_often_as_they_say(share: float, high: float) -> None:
    """Also where p-values of sound units lie too high."""
    runs = [sampled(seed, share=share, high=high) for seed in range(20)]
    models = [fit_p_values(p_values) for p_values, _ in runs]
    assert np.mean([model.share for model in models]) == pytest.approx(share, abs=0.025)
    if share:
        assert np.mean([model.low <= share <= model.high for model in models]) >= 0.9
    chance = np.concatenate([of_units(model, run[0])[0] for model, run in zip(models, runs, strict=True)])
    faulty = np.concatenate([run[1] for run in runs])
    flagged = chance >= 0.5
    assert flagged[faulty].all()
    # Faulty units lie farther off than they are taken to, so that a few sound ones look like them, of many.
    assert (flagged & ~faulty).sum() <= (1 - chance[flagged]).sum() + 4 + 0.02 * flagged.sum()
    assert faulty.sum() == pytest.approx(chance.sum(), abs=0.04 * len(faulty))


def test_one_low_p_value_does_not_vouch_for_itself() -> None:
    """The least of 100 p-values of sound units is a hundredth."""
    p_values = (np.arange(100) + 0.5) / 100
    model = fit_p_values(p_values)
    assert of_units(model, p_values)[0].max() < 0.2
    assert model.share < 0.03
    # One that chance does not give is believed, also where no other file is like it.
    assert of_units(fit_p_values(np.append(p_values, 1e-12)), np.array([1e-12]))[0] > 0.99


def test_a_lower_p_value_never_counts_less() -> None:
    model = fit_p_values(sampled(3, share=0.1)[0])
    p_values = np.array([1.0, 0.9, 0.51, 0.49, *np.geomspace(0.4, np.finfo(float).tiny, 300)])
    mean, low, high = of_units(model, p_values)
    assert (np.diff(mean) >= 0).all()
    assert (low <= mean + 1e-12).all()
    assert (mean <= high + 1e-12).all()


def test_too_few_p_values_tell_nothing() -> None:
    p_values = sampled(1, share=0.2, units=FEWEST_UNITS - 1)[0]
    model = fit_p_values(p_values)
    assert model.why == f"{FEWEST_UNITS - 1} p-values, and {FEWEST_UNITS} are asked for"
    assert np.isnan(of_units(model, p_values)).all()
    assert not fit_p_values(sampled(1, share=0.2, units=FEWEST_UNITS)[0]).why


def test_the_order_decides_nothing_and_what_has_no_p_value_has_no_chance() -> None:
    p_values = sampled(2, share=0.05)[0]
    model = fit_p_values(p_values)
    assert fit_p_values(p_values[::-1]) == model
    assert np.isnan(of_units(model, np.array([np.nan, 0.1]))[0]).tolist() == [True, False]
