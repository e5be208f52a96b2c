"""Odds ratios of removals by group: against plain two by two tables, sources that mislead, and chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.gates.removal_odds import ALPHA, Strata, corrected, removal_odds


def strata(*tables: tuple[int, int, int, int]) -> Strata:
    """From sources of (removed of the group, staying of the group, removed of the rest, staying of the rest)."""
    a, b, c, d = (np.array(column) for column in zip(*tables, strict=True))
    return Strata(a + b, a, a + b + c + d, a + c)


@given(st.tuples(*[st.integers(1, 50)] * 4))
def test_of_one_source_it_is_the_plain_ratio(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    odds = removal_odds(strata(table), seed=0)
    assert odds is not None
    assert odds.ratio == pytest.approx(a * d / (b * c))
    assert np.log(odds.high / odds.low) / 2 == pytest.approx(1.959964 * (1 / a + 1 / b + 1 / c + 1 / d) ** 0.5)
    assert odds.low < odds.ratio < odds.high
    turned = removal_odds(strata((c, d, a, b)), seed=0)
    assert turned is not None
    assert (turned.ratio, turned.p_value) == (pytest.approx(1 / odds.ratio), pytest.approx(odds.p_value))


def test_a_group_is_not_blamed_for_its_source() -> None:
    """Half of one source is removed and a tenth of the other, of each group alike; the group is mostly of the first."""
    odds = removal_odds(strata((400, 400, 50, 50), (10, 90, 80, 720)), seed=0)
    assert odds is not None
    assert odds.ratio == pytest.approx(1.0, abs=0.01)
    assert odds.p_value > 0.5
    assert odds.random_low < 1 < odds.random_high


def test_sources_that_tell_nothing_are_left_out() -> None:
    assert removal_odds(strata((3, 0, 5, 0), (4, 6, 0, 0)), seed=0) is None
    telling = removal_odds(strata((20, 80, 20, 80), (3, 0, 5, 0)), seed=0)
    assert telling == removal_odds(strata((20, 80, 20, 80)), seed=0)


def test_a_group_of_which_nothing_is_removed_has_a_ratio() -> None:
    odds = removal_odds(strata((0, 60, 30, 70)), seed=0)
    assert odds is not None
    assert 0 < odds.low < odds.ratio < odds.high < odds.random_low
    assert odds.p_value < 0.001


def test_random_removals_are_called_by_chance_as_often_as_is_said() -> None:
    drawn = np.random.default_rng(0)
    sizes, examples, removed = np.array([40, 60]), np.array([400, 200]), np.array([80, 90])
    p_values: list[float] = []
    inside = 0
    for _ in range(300):
        chance = drawn.hypergeometric(sizes, examples - sizes, removed)
        odds = removal_odds(Strata(sizes, chance, examples, removed), seed=1)
        assert odds is not None
        p_values.append(odds.p_value)
        inside += odds.random_low <= odds.ratio <= odds.random_high
    assert 0.01 < np.mean(np.array(p_values) < ALPHA) < 0.1
    assert 0.9 < inside / 300 < 0.99


@given(st.lists(st.floats(0, 1), max_size=12))
def test_p_values_are_corrected_as_the_rule_says(p_values: list[float]) -> None:
    ordered = sorted(p_values)
    stepped = [
        min([1.0, *(p * len(ordered) / (at + 1) for at, p in enumerate(ordered) if p >= value)]) for value in p_values
    ]
    assert corrected(p_values) == pytest.approx(stepped)
