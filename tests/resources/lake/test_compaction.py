"""Compaction and sweeping change no row that anybody reads: not of the present, not of a pinned version."""

import json
import os
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import IMAGES, QUARANTINE
from ops.core.version_schemas import VERSIONS
from resources.lake import compaction
from resources.lake.compaction import compact
from resources.lake.housekeeping import compact_all, sweep
from resources.lake.scratch import Scratch
from resources.lake.tables import Lake
from tests.support.costs import Costs
from tests.support.tables import images, parquet_files, quarantine

IDS = st.text("0123456789abcdef", min_size=4, max_size=6)


def aged(path: Path) -> None:
    os.utime(path, (1_000_000_000, 1_000_000_000))


@pytest.mark.full
@settings(max_examples=8)
@given(files=st.lists(st.lists(IDS, max_size=6), max_size=12), least=st.integers(1, 4), file_bytes=st.integers(1, 4000))
def test_content_is_there_once_and_what_was_read_before_still_is(
    files: list[list[str]], least: int, file_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "FILE_BYTES", file_bytes)
        lake = Lake(folder)
        for ids in files:
            lake.append(IMAGES, lake.stage(IMAGES, images(*ids), {}))
        version, before, parts = lake.version(IMAGES), lake.read(IMAGES), lake.parts(IMAGES)
        done = compact(lake, IMAGES, least=least, like=1e9)
        after = lake.read(IMAGES)
        assert set(after["image_id"].to_pylist()) == set(before["image_id"].to_pylist())
        assert before.num_rows - after.num_rows == done.doubles
        if least == 1:
            assert after["image_id"].to_pylist() == sorted(set(before["image_id"].to_pylist()))
        assert lake.read(IMAGES, version=version).equals(before)
        assert lake.read(IMAGES, parts=parts).equals(before)


def test_rows_of_other_tables_stay_all_and_in_their_partition(lake: Lake) -> None:
    for n in range(10):
        lake.write(QUARANTINE, quarantine("a b%2F", 3), partition={"delivery": "a b%2F"}, once=str(n))
    lake.write(QUARANTINE, quarantine("b", 3), partition={"delivery": "b"}, once="b")
    before = lake.read(QUARANTINE)
    assert compact(lake, QUARANTINE, least=2).after == 1
    assert len(lake.files(QUARANTINE)) == 2
    assert Counter(map(str, lake.read(QUARANTINE).to_pylist())) == Counter(map(str, before.to_pylist()))
    assert compact(lake, QUARANTINE, least=2).before == 0


def test_a_seeker_passes_over_what_was_merged_by_key(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FILE_BYTES", 4000)
    monkeypatch.setattr("resources.lake.files.FILE_BYTES", 10_000)
    monkeypatch.setattr("resources.lake.files.ROW_GROUP_BYTES", 5_000)
    for n in range(8):
        names = [f"{(i * 8 + n) * 37 % 65536:04x}" for i in range(200)]
        rows = [{"image_id": name, "bytes": os.urandom(50)} for name in names]
        lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(rows, schema=IMAGES.schema), {}))
    seek = Costs(monkeypatch).of(lambda: lake.read(IMAGES, where={"image_id": names[:1]}))
    assert seek["files to read"] == 8
    compact(lake, IMAGES, least=2)
    assert len(lake.files(IMAGES)) >= 4
    seek = Costs(monkeypatch).of(lambda: lake.read(IMAGES, where={"image_id": names[:1]}))
    assert seek["files to read"] == 1


def test_only_what_nothing_refers_to_is_swept(lake: Lake) -> None:
    for n in range(4):
        lake.append(IMAGES, lake.stage(IMAGES, images(f"{n}"), {}))
    pinned = lake.read(IMAGES)
    pins = json.dumps({"images": lake.version(IMAGES)})
    lake.log(VERSIONS, lambda log: [{"version": 1, "state": "published", "tables": pins, "counts": "{}"}])
    lake.append(IMAGES, lake.stage(IMAGES, images("late"), {}))
    between = set(lake.files(IMAGES))
    compact(lake, IMAGES, least=2)
    dead = lake.stage(IMAGES, images("dead"), {})
    live = lake.stage(IMAGES, images("live"), {})
    for name in ("dead", "live"):
        Scratch(lake, name).write_result("shard", {})
    for path in [*map(Path, parquet_files(lake, IMAGES)), *Path(lake.root, ".scratch/dead").iterdir()]:
        aged(path)
    os.utime(Path(lake.root, live[0].path))
    assert sweep(lake, dry_run=True).files == 3
    swept = sweep(lake)
    assert swept.files == 3  # the file that no version pins, what was staged, and scratch
    left = parquet_files(lake, IMAGES)
    assert f"{lake.root}/{dead[0].path}" not in left
    assert len(between - left) == 1
    assert lake.read(IMAGES, version=json.loads(pins)["images"]).equals(pinned)
    assert sorted(lake.read(IMAGES)["image_id"].to_pylist()) == ["0", "1", "2", "3", "late"]
    assert [path.name for path in Path(lake.root, ".scratch").iterdir() if list(path.iterdir())] == ["live"]
    assert sweep(lake).files == 0


def test_whatever_compacts_any_reader_opens_the_table(lake: Lake) -> None:
    partition = {"encoder": "a b%2F", "modality": "text"}
    for n in range(3):
        rows = pa.table({"content_id": [f"{n}", "both"], "vector": pa.array([b"12", b"34"], pa.binary())})
        lake.append(EMBEDDINGS, lake.stage(EMBEDDINGS, rows, partition))
    done = compact_all(lake, least=2)
    assert (done.before, done.after, done.doubles) == (3, 1, 2)
    table = pa.table(DeltaTable(f"{lake.root}/embeddings").to_pyarrow_table())
    assert sorted(table["content_id"].to_pylist()) == ["0", "1", "2", "both"]
    assert set(table["encoder"].to_pylist()) == {"a b%2F"}
