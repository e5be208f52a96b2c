"""The lake on a real folder: what is written comes back, typed and whole, whatever the names and the split."""

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.core.identity import canonical_json
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, QUARANTINE, TableSpec
from ops.core.tables import TABLES
from ops.core.version_schemas import VERDICTS
from resources.lake import files as lake_files
from resources.lake.tables import Lake
from tests.support.tables import parquet_files, partition_of, quarantine, rows_of

DELIVERIES = ["2026-11-23", "007", "a.b_c-d", "1e5", "true", "null", "9" * 100]


def multiset(table: pa.Table) -> Counter[str]:
    return Counter(canonical_json(row) for row in table.to_pylist())


@pytest.mark.parametrize("spec", TABLES.values(), ids=TABLES)
def test_every_table_comes_back_as_written(lake: Lake, spec: TableSpec) -> None:
    assert lake.read(spec).equals(spec.schema.empty_table())
    assert (lake.version(spec), lake.files(spec), list(lake.batches(spec))) == (-1, [], [])
    partition = partition_of(spec, "2026-11-23")
    rows = rows_of(spec, 50, partition)
    assert lake.write(spec, rows, partition=partition, once="first")
    assert lake.read(spec).equals(rows)
    assert pa.Table.from_batches(lake.batches(spec, batch_rows=7)).equals(rows)
    assert pq.read_table(lake.files(spec)[0], partitioning=None).num_rows == 50


def test_names_that_look_like_other_types_stay_text(lake: Lake) -> None:
    for name in DELIVERIES:
        lake.write(QUARANTINE, quarantine(name), partition={"delivery": name}, once=name)
    assert set(lake.read(QUARANTINE)["delivery"].to_pylist()) == set(DELIVERIES)
    for name in DELIVERIES:
        assert lake.read(QUARANTINE, where={"delivery": name})["delivery"].to_pylist() == [name]
    assert lake.read(QUARANTINE, where={"delivery": "7"}).num_rows == 0


@pytest.mark.parametrize("encoder", ["hf-hub:org/model@main", "a b%2Fc", "ü=?#&", "..", "'\"\\"])
def test_partition_values_with_any_sign(lake: Lake, encoder: str) -> None:
    partition = {"encoder": encoder, "modality": "text"}
    rows = pa.table({"content_id": ["x"], "vector": pa.array([b"12"], pa.binary())})
    lake.write(EMBEDDINGS, rows, partition=partition, once="x")
    lake.replace(EMBEDDINGS, lake.parts(EMBEDDINGS, where=partition), lake.stage(EMBEDDINGS, rows, partition))
    assert lake.read(EMBEDDINGS, where={"encoder": encoder}).to_pylist() == [
        {**partition, "content_id": "x", "vector": b"12"}
    ]
    assert all(Path(path).exists() for path in lake.files(EMBEDDINGS))


def test_where_prunes_files_by_partition_and_filters_rows_by_the_rest(lake: Lake) -> None:
    for name in ("a", "b"):
        rows = pa.Table.from_pylist(
            [{"delivery": name, "row": n, "file": str(n % 3) if n % 4 else None} for n in range(12)],
            schema=QUARANTINE.schema,
        )
        lake.write(QUARANTINE, rows, partition={"delivery": name}, once=name)

    def rows_where(**where: Any) -> list[tuple[Any, ...]]:
        table = lake.read(QUARANTINE, where=where, columns=["delivery", "row"])
        return sorted(tuple(row.values()) for row in table.to_pylist())

    assert rows_where(delivery=["a", "c"], row=[3, 99, 4]) == [("a", 3), ("a", 4)]
    assert rows_where(row=5) == [("a", 5), ("b", 5)]
    assert rows_where(row=np.int64(5), delivery="b") == [("b", 5)]
    assert rows_where(file=None, delivery="a") == [("a", 0), ("a", 4), ("a", 8)]
    assert rows_where(file=[None, "1"], delivery="a") == [("a", n) for n in (0, 1, 4, 7, 8, 10)]
    assert rows_where(row=[]) == rows_where(delivery=[]) == []
    assert rows_where(row=pa.array([1, 2]), delivery="a") == [("a", 1), ("a", 2)]
    assert len(rows_where(row=list(range(5, 300_000)))) == 14
    assert len(lake.files(QUARANTINE, where={"delivery": "b", "row": 5})) == 1
    for path in lake.files(QUARANTINE, where={"delivery": "b"}):
        os.remove(path)
    assert len(rows_where(delivery="a")) == 12  # the files of b were not opened


def test_integer_partitions(lake: Lake) -> None:
    for version in (1, 10):
        partition = {"version": version}
        lake.write(VERDICTS, rows_of(VERDICTS, 3, partition), partition=partition, once=str(version))
    assert lake.read(VERDICTS, where={"version": 1}).num_rows == 3
    assert lake.read(VERDICTS, where={"version": [1, 10, 11]})["version"].to_pylist() == [1] * 3 + [10] * 3


def test_questions_that_cannot_be_answered_say_why(lake: Lake) -> None:
    with pytest.raises(ValueError, match="quarantine: no column 'drop' to filter on"):
        lake.read(QUARANTINE, where={"drop": "x"})
    with pytest.raises(ValueError, match=r"no columns \['nothing'\] to read"):
        lake.read(QUARANTINE, columns=["nothing"])
    with pytest.raises(ValueError, match="quarantine: row is int64; cannot look for 'seven'"):
        lake.read(QUARANTINE, where={"row": "seven"})
    with pytest.raises(ValueError, match="version 3 is asked for, but the table is empty"):
        lake.read(QUARANTINE, version=3)
    lake.write(QUARANTINE, quarantine("a"), partition={"delivery": "a"}, once="a")
    with pytest.raises(ValueError, match="quarantine has no version 3; the last is 1"):
        lake.read(QUARANTINE, version=3)


def test_binary_tables_are_filtered_without_decoding_what_is_not_wanted(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_files, "ROW_GROUP_ROWS", 4)
    rows = [{"image_id": f"i{n}", "bytes": b"x" * n, "format": "PNG" if n % 2 else None} for n in range(40)]
    table = pa.Table.from_pylist(rows, schema=IMAGES.schema)
    lake.append(IMAGES, lake.stage(IMAGES, table, {}))
    assert pq.ParquetFile(lake.files(IMAGES)[0]).num_row_groups == 10
    images = lake.read(IMAGES, where={"image_id": ["i3", "i39", "none"]}, columns=["bytes"])
    assert images["bytes"].to_pylist() == [b"x" * 3, b"x" * 39]
    assert lake.read(IMAGES, where={"format": None}).num_rows == 20
    assert lake.read(IMAGES, where={"image_id": "none"}).equals(IMAGES.schema.empty_table())
    assert sum(batch.num_rows for batch in lake.batches(IMAGES, where={"image_id": ["i3", "i9"]})) == 2


def test_columns_that_came_later_are_null_in_older_rows(lake: Lake) -> None:
    old = VERDICTS
    lake.write(old, rows_of(old, 9, {"version": 1}), partition={"version": 1}, once="1")
    reason = pa.struct([*old.schema.field("reasons").type.value_type, pa.field("source", pa.string())])
    fields = [field.with_type(pa.list_(reason)) if field.name == "reasons" else field for field in old.schema]
    new = replace(old, schema=pa.schema([*fields, pa.field("note", pa.string()), pa.field("at", pa.timestamp("us"))]))
    assert lake.read(new)["note"].null_count == 9  # before the table itself has the column
    late = pa.Table.from_pylist(
        [{"version": 2, "note": "n", "reasons": [{"rule": "r", "source": "s"}]}], schema=new.schema
    )
    lake.write(new, late, partition={"version": 2}, once="2")
    both = lake.read(new)
    assert both.schema == new.schema
    assert both.select(old.schema.names).slice(0, 9)["action"].equals(rows_of(old, 9, {"version": 1})["action"])
    assert both["note"].to_pylist() == [None] * 9 + ["n"]
    assert both["reasons"].to_pylist()[-1][0]["source"] == "s"
    assert lake.read(new, where={"note": "n"})["version"].to_pylist() == [2]
    # Code of the day before still reads and writes the widened table.
    assert lake.read(old).schema == old.schema
    before = lake.version(old)
    lake.write(old, rows_of(old, 2, {"version": 3}), partition={"version": 3}, once="3")
    assert lake.version(old) == before + 1
    assert lake.read(new).num_rows == 12


def test_a_schema_that_contradicts_the_table_is_refused(lake: Lake) -> None:
    lake.write(QUARANTINE, quarantine("a"), partition={"delivery": "a"}, once="a")
    changed = [pa.field("row", pa.string()) if field.name == "row" else field for field in QUARANTINE.schema]
    with pytest.raises(ValueError, match="give the column a new name"):
        lake.commit(replace(QUARANTINE, schema=pa.schema(changed)), [], once="b")
    with pytest.raises(ValueError, match=r"is partitioned by \['delivery'\], the schema promises \[\]"):
        lake.commit(replace(QUARANTINE, partition_by=()), [], once="b")


def test_rows_are_held_to_the_schema(lake: Lake) -> None:
    rows, partition = quarantine("a", 3), {"delivery": "a"}
    with pytest.raises(ValueError, match=r"missing \['raw'\], unknown \[\]"):
        lake.stage(QUARANTINE, rows.drop_columns(["raw"]), partition)
    with pytest.raises(ValueError, match=r"missing \[\], unknown \['more'\]"):
        lake.stage(QUARANTINE, rows.append_column("more", rows["raw"]), partition)
    with pytest.raises(ValueError, match="row: string, promised int64"):
        lake.stage(QUARANTINE, rows.set_column(2, "row", pa.array(["x", "y", "z"])), partition)
    with pytest.raises(ValueError, match=r"rows of delivery \['a'\] in the partition"):
        lake.stage(QUARANTINE, rows, {"delivery": "b"})
    with pytest.raises(ValueError, match=r"one value each; got \{\}"):
        lake.stage(QUARANTINE, rows, {})
    # Other widths of the same type are no contradiction.
    narrow = rows.set_column(2, "row", pa.array([1, 2, 3], pa.int8())).drop_columns(["delivery"])
    lake.write(QUARANTINE, narrow, partition=partition, once="narrow")
    assert lake.read(QUARANTINE)["row"].to_pylist() == [1, 2, 3]


def test_staging_streams_into_bounded_files(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_files, "ROW_GROUP_BYTES", 100_000)
    monkeypatch.setattr(lake_files, "FILE_BYTES", 1_000_000)

    def batches() -> Iterator[pa.RecordBatch]:
        for n in range(100):
            rows = [{"image_id": f"{n}-{i}", "bytes": os.urandom(15_000)} for i in range(3)]
            yield pa.RecordBatch.from_pylist(rows, schema=IMAGES.schema)

    staged = lake.stage(IMAGES, batches(), {})
    assert sum(file.rows for file in staged) == 300
    assert 4 <= len(staged) <= 6
    for file in staged:
        metadata = pq.read_metadata(Path(lake.root) / file.path)
        assert (metadata.num_rows, (Path(lake.root) / file.path).stat().st_size) == (file.rows, file.size)
        assert all(metadata.row_group(i).total_byte_size < 110_000 for i in range(metadata.num_row_groups))
        assert metadata.row_group(0).column(1).compression == "ZSTD"
    assert lake.version(IMAGES) == -1  # staging needs no table
    lake.append(IMAGES, staged)
    assert lake.read(IMAGES, columns=["image_id"]).num_rows == 300


def test_staging_that_fails_leaves_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_files, "FILE_BYTES", 1)
    monkeypatch.setattr(lake_files, "ROW_GROUP_ROWS", 10)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from quarantine("a", 95).to_batches()
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        lake.stage(QUARANTINE, batches(), {"delivery": "a"})
    assert parquet_files(lake, QUARANTINE) == set()


def test_a_lake_travels_and_its_root_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lake = Lake("here/")
    lake.write(QUARANTINE, quarantine("a"), partition={"delivery": "a"}, once="a")
    monkeypatch.chdir("/")
    assert lake.root == str(tmp_path / "here")
    assert pickle.loads(pickle.dumps(lake)).read(QUARANTINE).num_rows == 1  # noqa: S301


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_split_reads_back_the_same_rows(data: st.DataObject) -> None:
    """Rows cut into any batches, files and commits are the same multiset when read."""
    count = data.draw(st.integers(0, 30))
    partition = {"delivery": "d"}
    rows = rows_of(EXAMPLES, count, partition)
    cuts = sorted({0, count, *data.draw(st.lists(st.integers(0, count), max_size=6))})
    pieces = [rows.slice(start, end - start) for start, end in pairwise(cuts)]
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        held: list[Any] = []
        for n, piece in enumerate(pieces):
            held += lake.stage(EXAMPLES, piece.to_batches(max_chunksize=data.draw(st.integers(1, 9))), partition)
            if data.draw(st.booleans()):
                lake.commit(EXAMPLES, held, once=str(n))
                held = []
        lake.commit(EXAMPLES, held, once="last")
        assert multiset(lake.read(EXAMPLES)) == multiset(rows)


READ_AND_EXIT = """
import sys
from ops.core.tables import TABLES
from resources.lake.tables import Lake
from resources.lake.files import LakeError
lake = Lake(sys.argv[1])
lake.log(TABLES["drops"], lambda log: [{"drop": "x"}])
print(lake.read(TABLES["quarantine"]).num_rows, sum(b.num_rows for b in lake.batches(TABLES["quarantine"])))
"""


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.full)])
def test_a_process_that_read_exits_cleanly(lake: Lake, times: int) -> None:
    lake.write(QUARANTINE, quarantine("a", 1000), partition={"delivery": "a"}, once="a")
    for _ in range(times):
        ran = subprocess.run(
            [sys.executable, "-c", READ_AND_EXIT, lake.root], capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stdout.split(), ran.stderr) == (0, ["1000", "1000"], "")


STREAM = """
import json, os, resource, sys
import pyarrow as pa
from ops.core.schemas import IMAGES
from resources.lake.tables import Lake
from resources.lake.files import LakeError
lake = Lake(sys.argv[1])
def batches():
    for n in range(200):
        rows = [{"image_id": f"{n}-{i}", "bytes": os.urandom(200_000)} for i in range(20)]
        yield pa.RecordBatch.from_pylist(rows, schema=IMAGES.schema)
def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
start = peak_mb()
staged = lake.stage(IMAGES, batches(), {})
staging = peak_mb()
lake.append(IMAGES, staged)
added = sum(file.rows for file in staged)
total = sum(sum(len(v) for v in b["bytes"].to_pylist()) for b in lake.batches(IMAGES))
few = lake.read(IMAGES, where={"image_id": ["5-5", "100-3"]}).num_rows
print(json.dumps({"start": start, "staging": staging, "all": peak_mb(), "added": added, "total": total, "few": few}))
"""


@pytest.mark.full
def test_images_stream_in_bounded_memory(lake: Lake) -> None:
    """800 MB of images, which do not compress, staged, committed and read while the process grows by far less."""
    ran = subprocess.run([sys.executable, "-c", STREAM, lake.root], capture_output=True, text=True, check=True)
    printed = json.loads(ran.stdout)
    assert (printed["added"], printed["total"], printed["few"]) == (4000, 800_000_000, 2)
    assert printed["staging"] - printed["start"] < 150
    assert printed["all"] - printed["start"] < 300
