"""Arrow and Parquet files of which some values, batches or sizes cannot be read: each costs its rows alone."""

import os
import pickle
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ops.formats.containers.contract import Limits, Probe, Record
from ops.formats.registry import container_of
from ops.intake.drop_files import DropFiles
from ops.intake.row import RowError

LIMITS = Limits(1 << 20, 200)
FILES = ["rows.parquet", "stream.arrow", "file.arrow"]


def write(path: Path, table: pa.Table, *, rows: int = 1 << 20) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=rows)
        return
    opener = pa.ipc.new_stream if path.stem == "stream" else pa.ipc.new_file
    with opener(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)


def read(folder: Path, name: str, shard_bytes: int = 1 << 30) -> list[Record]:
    files = DropFiles(str(folder))
    container = container_of(Probe(name, files.head(name)))
    assert container is not None
    return [r for s in container.split(files, name, shard_bytes, LIMITS) for r in container.read(files, s, LIMITS)]


def values_of(records: list[Record]) -> list[object]:
    return [record.problem[0] if record.problem else (record.fields or {})["id"] for record in records]


def texts(*values: bytes) -> pa.Array:
    return pa.array(list(values), pa.binary()).view(pa.string())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("nested", [False, True])
def test_a_text_that_is_no_utf8_costs_its_row(tmp_path: Path, name: str, nested: bool):
    answers = texts(b"a", b"\xff\xfe", b"b")
    table = pa.table({"id": [1, 2, 3], "said": pa.StructArray.from_arrays([answers], ["text"]) if nested else answers})
    write(tmp_path / name, table)
    records = read(tmp_path, name)
    assert values_of(records) == [1, "encoding", 3]
    assert [record.row for record in records] == [0, 1, 2]


@pytest.mark.parametrize("name", FILES)
def test_a_moment_that_python_has_no_word_for_costs_its_row(tmp_path: Path, name: str):
    moments = pa.array([0, 1 << 60, 5], pa.int64()).view(pa.timestamp("us"))
    write(tmp_path / name, pa.table({"id": [1, 2, 3], "at": moments}))
    records = read(tmp_path, name)
    assert values_of(records) == [1, "field_type", 3]
    assert (records[0].fields or {})["at"] == datetime(1970, 1, 1)


@pytest.mark.parametrize("name", FILES)
def test_a_row_that_is_too_large_is_not_read(tmp_path: Path, name: str):
    write(tmp_path / name, pa.table({"id": [1, 2, 3], "said": ["a", "x" * (2 << 20), "b"]}))
    assert values_of(read(tmp_path, name)) == [1, "row_too_large", 3]


@pytest.mark.parametrize("name", ["stream.arrow", "file.arrow"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_offsets_that_leave_their_buffer_are_never_followed(tmp_path: Path, name: str, dictionary: bool):
    columns = {"id": pa.array([1, 2, 3]), "said": pa.array(["a" * 7, "b" * 13, "c"])}
    if dictionary:
        columns["kind"] = pa.array(["x", "y", "x"]).dictionary_encode()
    write(tmp_path / name, pa.table(columns))
    data = (tmp_path / name).read_bytes()
    offsets = b"".join(n.to_bytes(4, "little") for n in (0, 7, 20, 21))
    assert data.count(offsets) == 1
    (tmp_path / name).write_bytes(data.replace(offsets, offsets[:4] + b"\xf0\xff\xff\x7f" + offsets[8:]))
    assert values_of(read(tmp_path, name)) == ["file_unreadable"]


@pytest.mark.parametrize("shard_bytes", [1, 1 << 30])
def test_what_stands_before_a_broken_batch_is_read(tmp_path: Path, shard_bytes: int):
    write(tmp_path / "stream.arrow", pa.table({"id": range(100), "said": ["x" * 50] * 100}), rows=10)
    data = (tmp_path / "stream.arrow").read_bytes()
    (tmp_path / "stream.arrow").write_bytes(data[: len(data) * 2 // 3])
    values = values_of(read(tmp_path, "stream.arrow", shard_bytes))
    assert values == [*range(len(values) - 1), "file_unreadable"]
    assert len(values) > 50


@pytest.mark.parametrize("name", ["stream.arrow", "file.arrow"])
def test_dictionaries_inside_of_structs_are_read(tmp_path: Path, name: str):
    kinds = pa.array(["x", "y", "x"]).dictionary_encode()
    table = pa.table({"id": [1, 2, 3], "of": pa.StructArray.from_arrays([kinds], ["kind"])})
    write(tmp_path / name, table, rows=2)
    assert [(record.fields or {})["of"]["kind"] for record in read(tmp_path, name, 1)] == ["x", "y", "x"]


def test_more_rows_than_bytes_is_a_bomb(tmp_path: Path):
    write(tmp_path / "rows.parquet", pa.table({"id": pa.nulls(20 << 20)}))
    write(tmp_path / "stream.arrow", pa.table({"id": pa.nulls(20 << 20)}))
    for name in ("rows.parquet", "stream.arrow"):
        with pytest.raises(RowError, match="file_bomb"):
            read(tmp_path, name)


@pytest.mark.full
def test_a_parquet_file_that_expands_too_far_is_a_bomb(tmp_path: Path):
    pq.write_table(
        pa.table({"id": ["x" * 1000] * 200_000}), tmp_path / "a.parquet", compression="zstd", use_dictionary=False
    )
    with pytest.raises(RowError, match="file_bomb"):
        read(tmp_path, "a.parquet")


def test_a_large_value_named_again_and_again_is_read_within_bounds(tmp_path: Path):
    value = os.urandom(8 << 20)
    codes = pa.array([0] * 200, pa.int32())
    column = pa.DictionaryArray.from_arrays(codes, pa.array([value]))
    table = pa.table({"id": list(range(200)), "image": column})
    pq.write_table(table, tmp_path / "a.parquet", dictionary_pagesize_limit=1 << 30)
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    container = container_of(Probe("a.parquet", b"PAR1"))
    assert container is not None
    files = DropFiles(str(tmp_path))
    limits = Limits(16 << 20, 200)
    (shard,) = container.split(files, "a.parquet", 1 << 30, limits)
    most = 0
    for record in container.read(files, shard, limits):
        assert record.problem is None
        most = max(most, pool.bytes_allocated() - before)
    assert most < 600 << 20


class Opens:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_an_extension_type_is_not_loaded(tmp_path: Path, name: str):
    marker = tmp_path / "executed"
    note = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Opens(marker)),
    }
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("x", pa.binary(), metadata=note)])
    write(tmp_path / name, pa.table([pa.array([1]), pa.array([b"x"])], schema=schema))
    assert values_of(read(tmp_path, name)) == [1]
    assert not marker.exists()
    pickle.loads(pickle.dumps(Opens(marker))).close()  # noqa: S301
    assert marker.exists(), "the pickle would have told"
