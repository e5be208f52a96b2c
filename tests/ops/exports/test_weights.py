"""Weights as whole repeats."""

from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from ops.exports.weights import MOST_REPEATS, TOLERANCE, whole_repeats


def test_the_smallest_numbers_in_the_ratio_of_the_weights():
    assert whole_repeats([1.0, 1.0]) == {1.0: 1}
    assert whole_repeats([0.5, 1.0, 0.5]) == {0.5: 1, 1.0: 2}
    assert whole_repeats([0.4, 0.6, 1.0]) == {0.4: 2, 0.6: 3, 1.0: 5}
    assert whole_repeats([0.37]) == {0.37: 1}
    assert whole_repeats([]) == {}


@given(st.lists(st.integers(1, 100).map(lambda n: n / 100), min_size=1, max_size=30))
def test_repeats_keep_the_order_of_weights_and_lose_none(weights: list[float]):
    repeats = whole_repeats(weights)
    assert set(repeats) == set(weights)
    ordered = [repeats[weight] for weight in sorted(repeats)]
    assert ordered == sorted(ordered)
    assert 1 <= ordered[0] <= ordered[-1] <= MOST_REPEATS


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_ratios_of_small_numbers_are_met(numbers: list[int]):
    least = min(numbers)
    repeats = whole_repeats([number / 12 for number in numbers])
    for number in numbers:
        ratio = repeats[number / 12] / repeats[least / 12]
        assert isclose(ratio, number / least, rel_tol=2 * TOLERANCE + TOLERANCE**2)
