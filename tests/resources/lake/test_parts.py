"""Files passed over by their statistics, and parts of tables that workers read: whatever the cut, the same rows."""

import pickle
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.core.schemas import PROMPTS, QUARANTINE
from resources.lake import files as lake_files
from resources.lake.tables import Lake
from resources.lake.where import Between
from tests.support.costs import Costs
from tests.support.examples import examples

KEYS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "nul\0", "ü", "漢", "🙂", "z" * 200]))
NUMBERS = st.one_of(st.none(), st.integers(-3, 12))


def rows_of(values: list[tuple[Any, Any]]) -> pa.Table:
    rows = [{"delivery": "d", "source_id": key, "row": number} for key, number in values]
    return pa.Table.from_pylist(rows, schema=QUARANTINE.schema)


def met(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Between):
        return (
            value is not None
            and (wanted.low is None or value >= wanted.low)
            and (wanted.high is None or value <= wanted.high)
        )
    return value in wanted


@st.composite
def conditions(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    if draw(st.booleans()):
        return Between(draw(values), draw(values))
    return draw(st.lists(values, max_size=4))


@settings(max_examples=examples(40))
@given(
    rows=st.lists(st.tuples(KEYS, NUMBERS), max_size=25),
    cuts=st.sets(st.integers(0, 25), max_size=4),
    keys=conditions(KEYS),
    numbers=conditions(NUMBERS),
    share=st.integers(1, 9),
    group_rows=st.integers(1, 6),
)
def test_any_condition_on_any_files_gives_the_rows_that_meet_it(
    rows: list[tuple[Any, Any]], cuts: set[int], keys: Any, numbers: Any, share: int, group_rows: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake_files, "ROW_GROUP_ROWS", group_rows)
        lake = Lake(folder)
        for n, (start, stop) in enumerate(pairwise(sorted({0, len(rows), *cuts}))):
            lake.write(QUARANTINE, rows_of(rows[start:stop]), partition={"delivery": "d"}, once=str(n))
        where = {"source_id": keys, "row": numbers}
        expected = sorted(repr(row) for row in rows if met(row[0], keys) and met(row[1], numbers))
        columns = ["source_id", "row"]

        def ids_in(table: pa.Table) -> list[str]:
            return sorted(repr(tuple(row.values())) for row in table.to_pylist())

        assert ids_in(lake.read(QUARANTINE, where=where, columns=columns)) == expected
        batches = lake.batches(QUARANTINE, where=where, columns=columns, batch_rows=2)
        assert sorted(row for batch in batches for row in ids_in(pa.Table.from_batches([batch]))) == expected
        parts = pickle.loads(pickle.dumps(lake.parts(QUARANTINE, where=where, rows=share)))  # noqa: S301
        shares = [lake.read(QUARANTINE, where=where, columns=columns, parts=[part]) for part in parts]
        assert sorted(row for table in shares for row in ids_in(table)) == expected
        assert all(part.rows <= share for part in parts)


def test_parts_are_read_at_the_version_that_they_were_taken_from(lake: Lake) -> None:
    lake.write(QUARANTINE, rows_of([("a", 1)]), partition={"delivery": "d"}, once="1")
    parts = lake.parts(QUARANTINE)
    lake.write(QUARANTINE, rows_of([("b", 2)]), partition={"delivery": "d"}, once="2")
    assert lake.read(QUARANTINE, parts=parts, columns=["row"])["row"].to_pylist() == [1]
    assert lake.read(QUARANTINE, parts=[]).equals(QUARANTINE.schema.empty_table())
    assert sum(part.rows for part in lake.parts(QUARANTINE, rows=1)) == 2


def test_files_that_hold_no_wanted_key_are_not_opened(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(20):
        prompts = [{"delivery": "d", "example_id": f"{n:02}-{i}"} for i in range(5)]
        table = pa.Table.from_pylist(prompts, schema=PROMPTS.schema)
        lake.write(PROMPTS, table, partition={"delivery": "d"}, once=str(n))
    cost = Costs(monkeypatch).of(lambda: lake.read(PROMPTS, where={"example_id": ["03-1", "17-0", "none"]}))
    assert (cost["files to read"], cost["rows read"]) == (2, 2)
    cost = Costs(monkeypatch).of(lambda: lake.read(PROMPTS, where={"example_id": Between("03-3", "05-1")}))
    assert cost["rows read"] == 2 + 5 + 2
    assert len(lake.files(PROMPTS, where={"example_id": "03-1"})) == 1
    with pytest.raises(ValueError, match="row is int64; cannot look for"):
        lake.read(QUARANTINE, where={"row": Between("a")})


def test_many_wanted_values_are_found_in_any_file(lake: Lake) -> None:
    names = [f"{n:05}" for n in range(0, 3000, 3)]
    for n in range(3):
        prompts = [{"delivery": "d", "example_id": f"{i:05}"} for i in range(n, 3000, 3)]
        lake.write(
            PROMPTS, pa.Table.from_pylist(prompts, schema=PROMPTS.schema), partition={"delivery": "d"}, once=str(n)
        )
    assert lake.read(PROMPTS, where={"example_id": names}, columns=["example_id"])["example_id"].to_pylist() == names


def test_a_file_without_statistics_may_hold_anything(lake: Lake) -> None:
    """Lakes from before the log had any, and files of other engines."""
    staged = lake.stage(QUARANTINE, rows_of([("a", 1), ("b", 2)]), {"delivery": "d"})
    bare = [replace(file, stats='{"numRecords": 2}') for file in staged]
    lake.commit(QUARANTINE, bare, once="bare")
    assert lake.read(QUARANTINE, where={"source_id": "b"}).num_rows == 1
    assert len(lake.files(QUARANTINE, where={"source_id": "none"})) == 1
    assert Path(lake.files(QUARANTINE)[0]).exists()
