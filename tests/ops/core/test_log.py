"""Logs: rows in their order, whatever the order of the files, and what they say last."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.core.log import SEQUENCE, Log, successor

KEYS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["begun", "done"])), max_size=8)


def row(sequence: int, name: str, state: str) -> dict[str, int | str]:
    return {SEQUENCE: sequence, "name": name, "state": state}


@given(KEYS.flatmap(lambda keys: st.tuples(st.just(keys), st.permutations(range(len(keys))))))
def test_the_order_of_files_decides_nothing(drawn: tuple[list[tuple[str, str]], list[int]]) -> None:
    keys, order = drawn
    rows = [row(n, *key) for n, key in enumerate(keys)]
    shuffled = {name: [rows[n][name] for n in order] for name in (SEQUENCE, "name", "state")}
    log = Log.of(pa.table(shuffled))
    assert list(log.rows) == rows
    assert log.last == (rows[-1] if rows else None)
    assert log.where(state="done").rows == tuple(one for one in rows if one["state"] == "done")
    names = list(dict.fromkeys(name for name, _ in keys))
    assert list(log.first_by("name")) == list(log.last_by("name")) == names
    for name in names:
        of_name = [one for one in rows if one["name"] == name]
        assert (log.first_by("name")[name], log.last_by("name")[name]) == (of_name[0], of_name[-1])
    newest = log.newest_by("name", 2)
    assert newest == sorted(log.last_by("name").values(), key=lambda row: -row["sequence"])[:2]


def test_a_successor_leaves_its_place_to_the_lake() -> None:
    assert successor(row(4, "a", "begun"), state="done") == {"name": "a", "state": "done"}
