"""Ids looked up among many."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from resources.lake.lookup import KeyIndex, among

IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(st.lists(IDS, unique=True), st.lists(st.none() | IDS))
def test_places_and_members_are_those_of_plain_python(keys: list[str], asked: list[str | None]) -> None:
    places = {key: at for at, key in enumerate(keys)}
    values = pa.array(asked, pa.string())
    found = KeyIndex(pa.array(keys, pa.string())).positions(values)
    assert found.tolist() == [-1 if one is None else places.get(one, -1) for one in asked]
    kept = among(pa.record_batch([values], ["id"]), "id", set(keys))
    assert kept["id"].to_pylist() == [one for one in asked if one in places]
