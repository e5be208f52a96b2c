"""Ids looked up among many."""

from operator import itemgetter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.lake import lookup
from resources.lake.lookup import KeyIndex, by_key, one_each

IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(st.lists(IDS, unique=True), st.lists(st.none() | IDS))
def test_places_are_those_of_plain_python(keys: list[str], asked: list[str | None]) -> None:
    places = {key: at for at, key in enumerate(keys)}
    values = pa.array(asked, pa.string())
    positions = KeyIndex(pa.array(keys, pa.string())).positions(values)
    assert positions.tolist() == [-1 if one is None else places.get(one, -1) for one in asked]


@given(st.lists(IDS, unique=True), st.lists(IDS))
def test_ids_of_one_hash_are_told_apart(keys: list[str], asked: list[str]) -> None:
    def two_hashes(texts: pa.Array) -> np.ndarray:
        return np.array([len(text) % 2 for text in texts.to_pylist()], np.uint64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "text_hashes", two_hashes)
        positions = KeyIndex(pa.chunked_array([keys[:2], keys[2:]], pa.string())).positions(
            pa.array(asked, pa.string())
        )
    assert positions.tolist() == [keys.index(one) if one in keys else -1 for one in asked]


@given(st.lists(IDS))
def test_of_doubles_the_first_is_taken(keys: list[str]) -> None:
    rows = pa.table([pa.array(keys, pa.string()), pa.array(range(len(keys)), pa.int64())], ["id", "n"])
    first = {key: len(keys) - 1 - at for at, key in enumerate(reversed(keys))}
    kept = one_each(rows, "id").to_pylist()
    assert [(row["id"], row["n"]) for row in kept] == sorted(first.items(), key=itemgetter(1))
    assert by_key(rows, "id")["id"].to_pylist() == sorted(set(keys), key=str.encode)
