"""Stratified samples: every stratum is in them, they depend on nothing but ids and seed, and weights add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.review.sampling import allotted, draw, strata_of

SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=8)


@given(sizes=SIZES, rows=st.integers(1, 120))
def test_strata_give_as_alike_as_they_can(sizes: list[int], rows: int) -> None:
    of = np.array(sizes)
    given_rows = allotted(of, rows)
    assert (given_rows <= of).all()
    assert given_rows.sum() == max(min(rows, of.sum()), np.count_nonzero(of))
    short = given_rows[given_rows < of]
    assert not len(short) or given_rows.max() <= short.min() + 1


@given(sizes=SIZES, rows=st.integers(1, 120), seed=st.integers(0, 9), turn=st.integers(0, 50))
def test_the_draw_depends_on_ids_and_seed_alone_and_its_weights_add_up(
    sizes: list[int], rows: int, seed: int, turn: int
) -> None:
    strata = [f"s{stratum}" for stratum, size in enumerate(sizes) for _ in range(size)]
    ids = [f"e{n}" for n in range(len(strata))]
    drawn = draw(ids, strata, rows, seed=seed)
    assert drawn.weights.sum() == pytest.approx(len(ids))
    assert len(set(drawn.rows.tolist())) == len(drawn.rows)
    assert drawn.strata == tuple(strata[row] for row in drawn.rows)
    order = np.roll(np.arange(len(ids)), turn)
    again = draw([ids[at] for at in order], [strata[at] for at in order], rows, seed=seed)
    assert {ids[row] for row in drawn.rows} == {ids[order[row]] for row in again.rows}


@given(st.lists(st.tuples(st.sampled_from(["keep", "hold"]), st.integers(0, 5) | st.none()), min_size=1, max_size=60))
def test_equal_values_share_a_stratum_and_greater_ones_are_in_no_lower(rows: list[tuple[str, int | None]]) -> None:
    values = np.array([np.nan if value is None else value for _, value in rows])
    strata = strata_of([action for action, _ in rows], values)
    for (action, value), stratum in zip(rows, strata, strict=True):
        verdict, decile = stratum.split("/")
        assert verdict == action
        assert (decile == "none") == (value is None)
        for (other_action, other), other_stratum in zip(rows, strata, strict=True):
            if other_action == action and value is not None and other is not None and other >= value:
                assert int(other_stratum.split("/")[1]) >= int(decile)
