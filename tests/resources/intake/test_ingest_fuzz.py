"""Fuzz: mutated real files over every reader, and made-up rows over every format. Nothing may crash or hang, and every
record read is kept or refused for a known reason.

The readers run here without Ray, exactly as the tasks call them; test_ingest_hostile.py runs whole drops.
"""

import gzip
import io
import json
import random
import string
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ops.formats.registry import all_formats, format_of
from ops.formats.shard_rows import PARSED, REFUSED, ImageReader, outcomes
from ops.intake.drop import Manifest
from ops.intake.drop_files import DropFiles, open_drop
from ops.intake.image_checks import check_image, decode_rgb
from ops.intake.reasons import REASONS
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings, check_row
from resources.intake.context import Context
from resources.intake.planning import plan_file
from resources.lake.scratch import Scratch
from resources.lake.tables import Lake
from tests.support.examples import examples

SETTINGS = IngestSettings(max_row_bytes=1 << 20, max_image_px=4_000_000)
CASE_LIMIT_S = 20  # a hang, not a slow machine


def pictures() -> dict[str, bytes]:
    made = {}
    image = Image.frombytes("RGB", (48, 40), random.Random(0).randbytes(48 * 40 * 3))  # noqa: S311
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        out = io.BytesIO()
        image.save(out, kind)
        made[kind.lower()] = out.getvalue()
    return made


PICTURES = pictures()


def corpus(folder: Path) -> dict[str, bytes]:
    """A small real file of every container and compression."""
    turns = [{"from": "human", "value": "<image>\nWhat – “this”?"}, {"from": "gpt", "value": 'A cat, \\ "so" 猫.'}]
    rows = [{"id": f"r{n}", "image": "a.png", "conversations": turns, "n": [n, {"x": None}]} for n in range(6)]
    pairs = [{"prompt": "What?", "chosen": f"A {n}", "rejected": "B", "images": ["a.png"]} for n in range(6)]
    lines = "\n".join(map(json.dumps, rows)).encode()
    embedded = [{"image": {"bytes": PICTURES["jpeg"], "path": "x.jpg"}, "caption": f"cat {n}"} for n in range(4)]
    table = pa.Table.from_pylist(embedded)
    pq.write_table(table, folder / "seed.parquet", row_group_size=2)
    with pa.ipc.new_stream(str(folder / "seed.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    wds = pytest.importorskip("webdataset")
    with wds.TarWriter(str(folder / "seed.tar")) as writer:
        for n in range(3):
            writer.write({"__key__": f"{n:04d}", "png": PICTURES["png"], "txt": f"cat {n}", "json": {"k": n}})
    files = {path.name: path.read_bytes() for path in folder.glob("seed.*")}
    for path in folder.glob("seed.*"):
        path.unlink()
    return files | {
        "rows.json": json.dumps(rows, indent=1).encode(),
        "data.json": json.dumps({"data": rows}).encode(),
        "rows.jsonl": lines,
        "pairs.jsonl": "\n".join(map(json.dumps, pairs)).encode(),
        "rows.jsonl.gz": gzip.compress(lines),
        "rows.jsonl.zst": zstandard.compress(lines),
        "captions.csv": b"image,caption\n" + b'a.png,"A ""cat"",\nasleep"\na.png,x\n' * 3,
        "captions.tsv": b"image\tcaption\n" + b'a.png\tA 5" cat\n' * 3,
        "tar.gz": gzip.compress(files["seed.tar"]),
    }


TOKENS = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\n",
    b"\0",
    b"\xff",
    b"\xff" * 8,
    b"\0" * 512,
    b"../",
    b"\\ud800",
]


def mutated(data: bytes, dice: random.Random) -> bytes:
    """The file with a few bytes flipped, cut, doubled, moved, or replaced by awkward ones."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        if not out:
            break
        at, size = dice.randrange(len(out)), dice.choice((1, 1, 4, 16, 200))
        match dice.randrange(6):
            case 0:
                out[at] ^= 1 << dice.randrange(8)
            case 1:
                del out[at : at + size]
            case 2:
                out[at:at] = out[at : at + size]
            case 3:
                out[at : at + 1] = dice.choice(TOKENS)
            case 4:
                out[at : at + size] = dice.randbytes(size)
            case _:
                del out[at:]
    return bytes(out)


def take(files: DropFiles, lake: Lake, name: str) -> tuple[int, int, int]:
    """Rows in, kept and refused of one file."""
    context = Context(lake, files, "fuzz", "fuzz-1", Manifest(), SETTINGS, Scratch(lake, "fuzz"))
    info = next(info for info in files.listing() if info.name == name)
    plan = plan_file(info, context, shard_bytes=1 << 10)
    if plan.problem:
        assert plan.problem[0] in REASONS
        return 1, 0, 1
    kept: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    form = all_formats()[plan.format]
    for shard in plan.shards:
        reader = ImageReader(files, (".",), SETTINGS)
        results = outcomes(
            files, shard, container=plan.container, form=form, dataset="d", images=reader, settings=SETTINGS
        )
        for outcome in results:
            kept += [outcome.parsed] if outcome.parsed else []
            refused += [outcome.refused] if outcome.refused else []
            for data in outcome.images.values():
                look(data)
    assert all(row["reason"] in REASONS for row in refused)
    # What was read must fit the lake's columns.
    pa.RecordBatch.from_pylist(kept, schema=PARSED)
    pa.RecordBatch.from_pylist(refused, schema=REFUSED)
    return len(kept) + len(refused), len(kept), len(refused)


def look(data: bytes) -> str:
    """The reason why an image is refused, or nothing; an image that is let in can be decoded by what comes later."""
    try:
        check_image(data, SETTINGS)
    except RowError as error:
        return error.reason
    decode_rgb(data)
    return ""


def check_mutants(folder: Path, seeds: Iterator[int], per_file: int) -> int:
    files = corpus(folder)
    (folder / "a.png").write_bytes(PICTURES["png"])
    drop, lake = open_drop(folder), Lake(folder.parent / "lake")
    cases = refused = 0
    for name, data in files.items():
        (folder / name).write_bytes(data)
        rows, kept, _ = take(drop, lake, name)
        assert rows == kept > 0, name
        for _ in range(per_file):
            dice = random.Random(next(seeds))  # noqa: S311
            (folder / name).write_bytes(mutated(data, dice))
            started = time.monotonic()
            rows, kept, bad = take(drop, lake, name)
            assert time.monotonic() - started < CASE_LIMIT_S, name
            assert rows == kept + bad
            cases, refused = cases + 1, refused + (bad > 0)
        (folder / name).unlink()
    assert cases / 10 < refused, "the mutations must hurt"
    return cases


def check_mutated_images(seeds: Iterator[int], per_file: int) -> int:
    cases = refused = 0
    for data in PICTURES.values():
        assert look(data) == ""
        for _ in range(per_file):
            broken = mutated(data, random.Random(next(seeds)))  # noqa: S311
            started = time.monotonic()
            reason = look(broken)
            assert reason in {"", *REASONS}
            assert time.monotonic() - started < CASE_LIMIT_S
            cases, refused = cases + 1, refused + bool(reason)
    assert cases / 10 < refused, "the mutations must hurt"
    return cases


def numbers(start: int) -> Iterator[int]:
    while True:
        yield start
        start += 1


def test_a_few_mutated_files_and_images(tmp_path: Path):
    (tmp_path / "drop").mkdir()
    assert check_mutants(tmp_path / "drop", numbers(1_000_000), 4) >= 40
    assert check_mutated_images(numbers(2_000_000), 10) >= 70


@pytest.mark.full
def test_two_thousand_mutated_files_and_images(tmp_path: Path):
    (tmp_path / "drop").mkdir()
    files = check_mutants(tmp_path / "drop", numbers(0), 120)
    images = check_mutated_images(numbers(500_000), 120)
    assert files + images >= 2000
    print(f"{files} mutated files, {images} mutated images")


NAMES = """
    id image images conversations from value human gpt messages role content user assistant type text image_url url
    prompt chosen rejected question completions responses response rating ratings scores label caption captions txt
    json jpg path bytes annotations annotator rating_scale __key__ system tool
"""
WORDS = st.sampled_from(NAMES.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(
        ["<image>", "a.png", "../x", "\0", "\ud800", '{"question": 1, "chosen": 2, "rejected": 3}', "N/A"]
    )
)
TREES = st.recursive(LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(WORDS, t, max_size=4), max_leaves=12)
RECORDS = st.dictionaries(WORDS | st.text(string.ascii_letters, max_size=3), TREES, min_size=1, max_size=6)


def check_record(record: dict[str, Any]) -> None:
    likely = format_of([record])
    for form in all_formats().values():
        if form is not likely and not form.recognise(record):
            continue
        reason = ""
        try:
            row = check_row(form.parse(record), SETTINGS)
            assert row.messages
        except RowError as error:
            reason = error.reason
        assert reason in {"", *REASONS}


@given(record=RECORDS)
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_made_up_rows(record: dict[str, Any]):
    check_record(record)


@pytest.mark.full
@given(record=RECORDS)
@settings(max_examples=examples(1000), deadline=None, suppress_health_check=list(HealthCheck))
def test_a_thousand_made_up_rows(record: dict[str, Any]):
    check_record(record)
