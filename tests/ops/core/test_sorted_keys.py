"""Ids found among sorted keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.core.sorted_keys import places, sorted_keys

IDS = st.text("0af", max_size=5)


@given(st.lists(IDS, unique=True), st.lists(st.none() | IDS))
def test_places_are_those_of_a_dict(ids: list[str], asked: list[str | None]) -> None:
    keys, order = sorted_keys(ids)
    assert [ids[at] for at in order] == sorted(ids) == [key.decode() for key in keys.tolist()]
    known = {one: at for at, one in enumerate(sorted(ids))}
    result = places(keys, asked)
    assert result.dtype == np.int64
    assert result.tolist() == [known.get(one or "", -1) for one in asked]


def test_an_id_longer_than_the_keys_is_not_cut_to_fit() -> None:
    keys, _ = sorted_keys(["aa", "b"])
    assert places(keys, ["aaa", "aa", "a", "b", "ba", ""]).tolist() == [-1, 0, -1, 1, -1, -1]


def test_among_no_keys_nothing_is_found_and_no_ids_have_no_places() -> None:
    assert places(sorted_keys([])[0], ["a", None]).tolist() == [-1, -1]
    assert places(sorted_keys(["a"])[0], []).tolist() == []


def test_keys_are_ascii() -> None:
    with pytest.raises(UnicodeEncodeError):
        sorted_keys(["ä"])
