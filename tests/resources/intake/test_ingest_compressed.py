"""Compressed files are inflated once, whatever the number of their shards; a break in one is met where it is."""

import gzip
import io
import json
import os
import random
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from PIL import Image

from ops.formats.manifests.registry import descriptions
from ops.intake.decompression import Expanded
from ops.intake.drop import Manifest, data_files
from ops.intake.drop_files import DropFiles, open_drop
from ops.intake.rows import IngestSettings
from resources.intake.context import Context
from resources.intake.parsing import FileShard, parse_shard
from resources.intake.planning import plan_file
from resources.lake import scratch as ingest_scratch
from resources.lake.scratch import InflatedFiles, Scratch
from resources.lake.tables import Lake
from tests.support.costs import Costs

SETTINGS = IngestSettings()
Compress = Callable[[bytes], bytes]


def context_at(folder: Path, lake: Lake) -> Context:
    scratch = Scratch(lake, "test")
    files = DropFiles(open_drop(folder).root, inflated=InflatedFiles(scratch))
    return Context(lake, files, "d", "d-1", Manifest(), SETTINGS, scratch)


class Inflated:
    """Counts the bytes that come out of compressed streams, of the drop and of what is kept of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_drop = self.kept = 0
        first, second = Expanded.readinto, ingest_scratch._Kept.readinto

        def from_drop(stream: Expanded, buffer: bytearray) -> int:
            size = first(stream, buffer)
            self.of_drop += size
            return size

        def from_kept(stream: ingest_scratch._Kept, buffer: bytearray) -> int:
            size = second(stream, buffer)
            self.kept += size
            return size

        monkeypatch.setattr(Expanded, "readinto", from_drop)
        monkeypatch.setattr(ingest_scratch._Kept, "readinto", from_kept)


def rows_of(count: int) -> list[bytes]:
    talk = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "x" * 2000}]
    return [json.dumps({"id": str(n), "conversations": talk}).encode() for n in range(count)]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("shard_bytes", [1 << 17, 1 << 19, 1 << 30])
def test_a_file_of_many_shards_is_inflated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compress: Compress, shard_bytes: int
):
    content = b"\n".join(rows_of(4000))
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "rows.jsonl.gz").write_bytes(compress(content))
    inflated = Inflated(monkeypatch)
    context = context_at(tmp_path / "drop", Lake(tmp_path / "lake"))
    (info,) = context.files.listing()
    plan = plan_file(info, context, shard_bytes=shard_bytes)
    assert len(plan.shards) >= len(content) // max(shard_bytes, 1 << 21)
    parsed = [parse_shard(FileShard(plan, shard), context) for shard in plan.shards]
    assert sum(shard.parsed for shard in parsed) == 4000
    assert inflated.of_drop <= 1.1 * len(content)
    assert inflated.kept <= 3.5 * len(content), "to cut it, to look at its first rows, and to read its rows"


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_what_is_kept_is_the_content_from_anywhere(tmp_path: Path, compress: Compress):
    content = os.urandom(300_000)
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.gz").write_bytes(compress(content))
    files = context_at(tmp_path / "drop", Lake(tmp_path / "lake")).files
    kept = files.inflated
    assert isinstance(kept, InflatedFiles)
    kept.keep(files, "a.gz", expansion=200, block_bytes=70_000)
    for start in (0, 1, 69_999, 70_000, 70_001, 210_000, 299_999, 300_000):
        with files.expanded("a.gz", expansion=200, start=start) as stream:
            assert stream.read() == content[start:]


def tar_of(samples: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(samples):
            info = tarfile.TarInfo(f"{number}.json")
            info.size = 512
            archive.addfile(info, io.BytesIO(rows_of(1)[0][:512]))
    return out.getvalue()


@pytest.mark.parametrize("kept", [1024 * 150, 1024 * 150 + 512, 1024 * 150 + 100, 1024 * 150 + 700])
@pytest.mark.parametrize("shard_bytes", [50_000, 1 << 30])
def test_a_compressed_tar_that_breaks_says_so_wherever_it_breaks(tmp_path: Path, kept: int, shard_bytes: int):
    (tmp_path / "drop").mkdir()
    whole = zstandard.ZstdCompressor().compressobj()
    data = whole.compress(tar_of(200)[:kept]) + whole.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)  # no end of the frame
    (tmp_path / "drop" / "a.tar.zst").write_bytes(data)
    context = context_at(tmp_path / "drop", Lake(tmp_path / "lake"))
    (info,) = context.files.listing()
    plan = plan_file(info, context, shard_bytes=shard_bytes)
    parsed = [parse_shard(FileShard(plan, shard), context) for shard in plan.shards]
    assert plan.problem is None
    refused = [row for s in parsed for row in context.scratch.read_table(f"{s.name}-refused").to_pylist()]
    assert [row["row"] for row in refused] == list(range(len(refused)))
    assert [row["reason"] == "file_unreadable" for row in refused] == [False] * (len(refused) - 1) + [True]
    assert 100 < len(refused) <= 152


def broken_lines(content: bytes, how: str) -> bytes:
    """The content compressed, and how it ends before its time."""
    packed = gzip.compress(content, mtime=0)
    if how == "checksum":
        return packed[:-8] + bytes(8)
    if how == "zstd":
        whole = zstandard.ZstdCompressor().compressobj()
        return whole.compress(content[: len(content) // 2]) + whole.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return packed[: len(packed) * 3 // 4]


@pytest.mark.parametrize("how", ["cut", "checksum", "zstd"])
@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
@pytest.mark.parametrize(("count", "shard_bytes"), [(40, 1 << 30), (2000, 50_000), (2000, 1 << 30)])
def test_rows_before_a_break_are_read_and_the_break_is_one_row(
    tmp_path: Path, how: str, form: str, count: int, shard_bytes: int
):
    dice = random.Random(count)  # noqa: S311
    texts = [f"{number} {dice.randbytes(100).hex()}" for number in range(count)]
    rows = [json.dumps({"image": "a.png", "caption": text}) for text in texts]
    lines = {
        "jsonl": "\n".join(rows),
        "json": f"[{', '.join(rows)}]",
        "csv": "\n".join(["image,caption", *(f"a.png,{text}" for text in texts)]),
    }
    (tmp_path / "drop").mkdir()
    Image.new("RGB", (30, 30)).save(tmp_path / "drop" / "a.png")
    (tmp_path / "drop" / f"rows.{form}.gz").write_bytes(broken_lines(lines[form].encode(), how))
    context = context_at(tmp_path / "drop", Lake(tmp_path / "lake"))
    info = context.files.listing()[1]
    plan = plan_file(info, context, shard_bytes=shard_bytes)
    assert plan.problem is None
    parsed = [parse_shard(FileShard(plan, shard), context) for shard in plan.shards]
    tables = [context.scratch.read_table(f"{shard.name}-parsed") for shard in parsed]
    kept = [row for table in tables for row in table.to_pylist()]
    first = int(form == "csv")
    assert [row["row"] for row in kept] == list(range(first, first + len(kept)))
    assert [row["messages"][1]["parts"][0]["text"] for row in kept] == texts[: len(kept)]
    refused = [row for s in parsed for row in context.scratch.read_table(f"{s.name}-refused").to_pylist()]
    assert [(row["row"], row["reason"]) for row in refused] == [(first + len(kept), "file_unreadable")]
    least = {"cut": 0.6, "checksum": 1.0, "zstd": 0.3}[how] * count
    assert len(kept) >= least - 1


@pytest.mark.full
def test_a_bomb_is_found_before_it_is_written(tmp_path: Path):
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.jsonl.zst").write_bytes(zstandard.compress(bytes(2 << 30)))
    context = context_at(tmp_path / "drop", Lake(tmp_path / "lake"))
    (info,) = context.files.listing()
    plan = plan_file(info, context, shard_bytes=1 << 20)
    assert plan.problem is not None
    assert plan.problem[0] == "file_bomb"
    assert sum(path.stat().st_size for path in (tmp_path / "lake").rglob("*") if path.is_file()) < 1 << 20


def test_planning_costs_in_proportion_to_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of each file its own head and first rows, however many lie beside it."""
    few, many = (planning(tmp_path / str(count), count, monkeypatch) for count in (10, 100))
    assert set(few) == set(many) >= {"drops listed", "drop files opened", "bytes inflated"}
    assert many["drops listed"] == few["drops listed"]
    assert not {what: (few[what], many[what]) for what in many if many[what] > 10 * few[what]}


def planning(folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What it costs to list, to describe and to plan a drop of that many compressed files."""
    (folder / "drop").mkdir(parents=True)
    content = gzip.compress(b"\n".join(rows_of(4)), mtime=0)
    for number in range(count):
        (folder / "drop" / f"rows-{number:03d}.jsonl.gz").write_bytes(content)
    with monkeypatch.context() as patch:
        costs, inflated = Costs(patch), Inflated(patch)
        context = context_at(folder / "drop", Lake(folder / "lake"))

        def plan() -> None:
            listing = context.files.listing()
            described = replace(context.manifest, described=descriptions(context.files, listing))
            about = replace(context, manifest=described)
            plans = [plan_file(info, about, shard_bytes=1 << 17) for info in data_files(listing)]
            assert [plan.problem for plan in plans] == [None] * count

        return costs.of(plan) + Counter({"bytes inflated": inflated.of_drop + inflated.kept})
