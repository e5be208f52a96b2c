"""The n-th of keys in many runs is that of all keys sorted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.core.hashing import splitmix
from ops.core.tasks import InProcess
from ops.decision.order_statistics import Run, nth


def runs_of(first: np.ndarray, second: np.ndarray, cuts: list[int]) -> list[Run]:
    parts = zip(np.split(first, cuts), np.split(second, cuts), strict=True)
    return [Run.of([("all",)], np.zeros(len(one), np.int64), one, other) for one, other in parts]


@given(
    st.integers(0, 2**32),
    st.integers(0, 3000),
    st.integers(1, 50),
    st.lists(st.integers(0, 3000), max_size=12),
    st.sampled_from([3, 10**9]),
)
def test_the_nth_key_over_runs_is_that_of_all(seed: int, count: int, targets: int, cuts: list[int], values: int):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, values, count) / 7
    second = splitmix(np.arange(count, dtype=np.uint64) + np.uint64(seed))
    order = np.lexsort((second, first))
    wanted = rng.integers(0, count + 2, targets).tolist()
    keys = nth(InProcess(), runs_of(first, second, sorted(cuts)), [(("all",), n) for n in wanted])
    expected = [(first[order[n]], second[order[n]]) if n < count else None for n in wanted]
    assert keys == expected


def test_few_equal_keys_do_no_harm_and_thousands_are_an_error():
    first, second = np.repeat(np.arange(5000.0), 3), np.zeros(15000, np.uint64)
    keys = nth(InProcess(), runs_of(first, second, [100, 9001]), [(("all",), n) for n in (0, 4, 5000, 14999, 15000)])
    assert keys == [(0.0, 0), (1.0, 0), (1666.0, 0), (4999.0, 0), None]
    with pytest.raises(RuntimeError, match="too many are equal"):
        nth(InProcess(), runs_of(np.zeros(9000), np.zeros(9000, np.uint64), []), [(("all",), 5)])


def test_series_are_counted_for_themselves():
    series = np.array([0, 1, 0, 1, 1])
    run = Run.of([("a",), ("b",), ("c",)], series, np.arange(5.0)[::-1].copy(), np.zeros(5, np.uint64))
    assert run.sizes() == {("a",): 2, ("b",): 3}
    keys = nth(InProcess(), [run, run], [(("a",), 0), (("b",), 2), (("b",), 6)])
    assert keys == [(2.0, 0), (1.0, 0), None]
