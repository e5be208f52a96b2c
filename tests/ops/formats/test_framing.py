"""Where records end: against the standard parsers, with every chunk size and every cut."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.formats.containers import framing, json_array, json_lines, table_text
from ops.formats.containers.contract import Container, Limits, Record
from ops.intake.drop_files import DropFiles

LIMITS = Limits(1 << 20, 200)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=()), max_size=12) | st.sampled_from(
    ['"', "\\", '\\"', "[{,}]", "\n", "\r\n", '",\n"', "\\\\", "\u2028"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=8)


def read(tmp: Path, container: Container, data: bytes, *, shard_bytes: int, chunk_bytes: int) -> list[Record]:
    (tmp / "file").write_bytes(data)
    files = DropFiles(str(tmp))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "CHUNK_BYTES", chunk_bytes)
        shards = container.split(files, "file", shard_bytes, LIMITS)
        assert [s.start for s in shards[1:]] == [s.stop for s in shards[:-1]]
        return [record for shard in shards for record in container.read(files, shard, LIMITS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("framing")


@given(
    rows=ROWS, indent=st.sampled_from([None, 1]), key=st.booleans(), shard=st.integers(1, 200), chunk=st.integers(1, 40)
)
@settings(deadline=None)
def test_elements_of_an_array_are_those_of_the_json_module(
    folder: Path, rows: list[dict[str, Any]], indent: int | None, key: bool, shard: int, chunk: int
):
    data = json.dumps({"version": "1.0", "data": rows, "end": [1]} if key else rows, indent=indent).encode()
    records = read(folder, json_array.CONTAINER, data, shard_bytes=shard, chunk_bytes=chunk)
    if key and not rows:
        return  # an empty list below a key cannot be told from a field of one row
    assert [record.fields for record in records] == rows
    assert [record.row for record in records] == list(range(len(rows)))


@given(rows=ROWS, shard=st.integers(1, 200), chunk=st.integers(1, 40))
@settings(deadline=None)
def test_lines_are_rows(folder: Path, rows: list[dict[str, Any]], shard: int, chunk: int):
    data = "\n".join(json.dumps(row, ensure_ascii=True) for row in rows).encode()
    records = read(folder, json_lines.CONTAINER, data, shard_bytes=shard, chunk_bytes=chunk)
    assert [record.fields for record in records] == rows


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8) | st.sampled_from(
    ['"', '""', 'a"b', '5" nail', ",", "\n", '\n"', '",']
)


@given(
    table=st.integers(2, 3).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=6)),
    end=st.sampled_from(["\n", "\r\n"]),
    shard=st.integers(1, 100),
    chunk=st.integers(1, 30),
)
@settings(deadline=None)
def test_tables_are_those_of_the_csv_module(folder: Path, table: list[list[str]], end: str, shard: int, chunk: int):
    table = [cells for cells in table if any(cell.strip() for cell in cells)]
    header = ["image", "caption", "note"][: len(table[0]) if table else 2]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows([header, *table])
    records = read(folder, table_text.CONTAINER, out.getvalue().encode(), shard_bytes=shard, chunk_bytes=chunk)
    assert [list((record.fields or {}).values()) for record in records] == table


def test_a_stray_quote_stays_in_its_line(folder: Path):
    data = b'image,caption\na.png,a 5" nail\nb.png,the "best" one\n'
    records = read(folder, table_text.CONTAINER, data, shard_bytes=1, chunk_bytes=7)
    assert [(r.fields or {})["caption"] for r in records] == ['a 5" nail', 'the "best" one']


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b'[{"a": 1}, {"b": , {"c": 3}]', [None, "file_unreadable"]),
        (b'[{"a": 1}, nonsense, {"c": 3}]', [None, "json_invalid", None]),
        (b'[{"a": 1}, {"b": 2', [None, "file_unreadable"]),
        (b'[{"a": 1}, {"b": "never closed}]', [None, "file_unreadable"]),
        (b'[{"a": 1},]', [None]),
        (b"[]", []),
        (b"[" * 5000, ["file_unreadable"]),
        (b'{"a": ' * 3000 + b"1" + b"}" * 3000, ["too_deep"]),
        (b'[{"a": ' + b"[" * 300 + b"]" * 300 + b"}]", ["too_deep"]),
        (b'[{"a": NaN, "b": 123456789012345678901234567890}]', [None]),
    ],
)
def test_broken_json_is_told_apart(folder: Path, data: bytes, problems: list[str | None]):
    records = read(folder, json_array.CONTAINER, data, shard_bytes=1 << 20, chunk_bytes=64)
    assert [record.problem and record.problem[0] for record in records] == problems


def test_a_huge_record_is_refused_with_little_memory(folder: Path):
    small = Limits(1000, 200)
    (folder / "big").write_bytes(b'{"a": "' + b"x" * 300_000 + b'"}\n{"b": 1}\n')
    files = DropFiles(str(folder))
    (shard,) = json_lines.CONTAINER.split(files, "big", 1 << 30, small)
    first, second = json_lines.CONTAINER.read(files, shard, small)
    assert first.problem
    assert first.problem[0] == "row_too_large"
    assert len(first.raw or b"") <= framing.KEEP_BYTES
    assert second.fields == {"b": 1}
