"""The modality mix: reached by weights, within the cap on repeats, at a cost that is told."""

import numpy as np
import pytest

from ops.mix import effective_share, mix, trade_off


def corpus(visual: int, text: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(visual + text) < visual, np.ones(visual + text)


def test_wanted_share_is_reached_by_weighing_down():
    found = mix(*corpus(800, 200), 0.5, repeat_cap=8)
    assert (found.reached, found.visual_factor, found.text_factor) == (pytest.approx(0.5), pytest.approx(0.25), 1.0)
    assert found.repeats == pytest.approx(4)
    assert found.effective_share == pytest.approx(400**2 / (800 / 16 + 200) / 1000)


def test_cap_on_repeats_holds():
    found = mix(*corpus(990, 10), 0.5, repeat_cap=4)
    assert found.visual_factor == 0.25
    assert found.reached == pytest.approx(247.5 / 257.5)


def test_what_is_reached_already_costs_nothing():
    found = mix(*corpus(300, 700), 0.3, repeat_cap=4)
    assert (found.visual_factor, found.text_factor, found.effective_share) == (1, 1, pytest.approx(1))


def test_one_modality_alone_stays():
    assert mix(*corpus(10, 0), 0.5, repeat_cap=4).reached == 1


def test_trade_off_is_best_at_the_present_mix():
    curve = trade_off(*corpus(600, 400), [0.2, 0.4, 0.6, 0.8], repeat_cap=16)
    assert [m.wanted for m in curve if m.effective_share == max(c.effective_share for c in curve)] == [0.6]
    assert effective_share(np.array([1.0, 0.0])) == 0.5


def test_share_out_of_range():
    with pytest.raises(ValueError, match="between 0 and 1"):
        mix(*corpus(1, 1), 1.0, repeat_cap=2)
