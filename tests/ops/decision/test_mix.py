"""The target mix: reached by weights where the cap and the floor allow it, and what it costs."""

from typing import Any

import numpy as np
import pytest

from ops.decision.mix import Mass, MixSettings, curve, effective_share, mixed, visual_share


def mass(count: int, weight: float = 1.0, amount: float = 1.0) -> Mass:
    return Mass.of(np.full(count, weight), np.full(count, amount))


@pytest.mark.parametrize("target", [0.5, 0.6, 0.7, 0.8, 0.85])
def test_the_target_is_reached_and_no_weight_grows(target: float) -> None:
    mix = mixed(mass(700), mass(300), MixSettings(visual_share=target, least_effective=0.0))
    assert mix.visual_share == pytest.approx(target, abs=1e-5)
    assert max(mix.visual_factor, mix.text_factor) == 1


def test_tokens_count_rather_than_examples() -> None:
    mix = mixed(mass(700, amount=10), mass(300, amount=100), MixSettings(visual_share=0.3, count="loss_tokens"))
    assert visual_share(mass(700, amount=10), mass(300, amount=100)) == pytest.approx(7 / 37)
    assert mix.visual_share == pytest.approx(0.3, abs=1e-5)
    assert mix.visual_factor == 1


def test_without_a_target_or_with_one_modality_nothing_changes() -> None:
    assert mixed(mass(700), mass(300), MixSettings()).repeats == 1
    assert mixed(mass(700), mass(0), MixSettings(visual_share=0.5)).visual_factor == 1


def test_the_cap_on_repeats_holds() -> None:
    mix = mixed(mass(900), mass(100), MixSettings(visual_share=0.5, most_repeats=2.0, least_effective=0.0))
    assert mix.visual_factor == 0.5
    assert mix.visual_share == pytest.approx(450 / 550)


def test_the_floor_on_the_effective_sample_holds() -> None:
    free = MixSettings(visual_share=0.05, most_repeats=1000, least_effective=0.0)
    floored = MixSettings(visual_share=0.05, most_repeats=1000, least_effective=0.8)
    assert mixed(mass(500), mass(500), free).effective_share < 0.6
    mix = mixed(mass(500), mass(500), floored)
    assert mix.effective_share == pytest.approx(0.8, abs=1e-5)
    assert mix.effective_share >= 0.8
    # It stops at the floor, not before: Kish's size of weights 1 and g in equal numbers is (1 + g)^2 / (2 (1 + g^2)).
    assert mix.visual_factor == pytest.approx(0.3333, abs=1e-3)


def test_effective_share_is_kishs_of_the_weights_themselves() -> None:
    visual, text = mass(700), mass(300, 0.5)
    mix = mixed(visual, text, MixSettings(visual_share=0.9))
    weights = np.concatenate([np.full(700, mix.visual_factor), np.full(300, 0.5 * mix.text_factor)])
    before = np.concatenate([np.ones(700), np.full(300, 0.5)])
    kish = [w.sum() ** 2 / (w**2).sum() for w in (weights, before)]
    assert mix.effective_share == pytest.approx(kish[0] / kish[1])
    after = (mass(700, mix.visual_factor), mass(300, 0.5 * mix.text_factor))
    assert effective_share((visual, text), after) == pytest.approx(mix.effective_share)


def test_the_curve_peaks_where_nothing_changes() -> None:
    points = curve(mass(600), mass(400))
    assert [round(point.visual_share, 4) for point in points] == [step / 20 for step in range(1, 20)]
    best = max(points, key=lambda point: point.examples_kept)
    assert best.visual_share == pytest.approx(0.6)
    assert best.examples_kept == pytest.approx(1)
    assert curve(mass(3), mass(0)) == []


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    weights, amounts = rng.random(5000), rng.integers(1, 400, 5000).astype(float)
    order = rng.permutation(5000)
    assert Mass.of(weights, amounts) == Mass.of(weights[order], amounts[order])


@pytest.mark.parametrize("bad", [{"visual_share": 1.5}, {"most_repeats": 0.5}, {"tolerance": -0.1}])
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        MixSettings(**bad)
