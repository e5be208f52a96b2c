"""Hostile drops: each file meant to break a reader, taken in beside good rows, within bounded memory and time."""

import gzip
import io
import json
import os
import random
import shutil
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from PIL import Image

from benchmarks.memory import Memory
from ops.core.schemas import DROPS, EXAMPLES, IMAGES, QUARANTINE
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.file_counts import file_counts
from resources.lake.tables import Lake

#: The bombs alone would unpack to 350 MB, and the headers promise up to 1 PB.
MOST_MB = 300

TURNS = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]
TALK = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]
GOOD = json.dumps({"id": "good", "conversations": TALK})


def lines(*rows: object) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode() + b"\n"


def with_image(path: str) -> bytes:
    return lines({"id": "x", "image": path, "conversations": TURNS}, GOOD)


def tar(*members: tarfile.TarInfo, data: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def huge_tar_header() -> bytes:
    info = member("huge.jpg")
    info.size = 1 << 50
    return info.tobuf(tarfile.GNU_FORMAT) + b"x" * 512


def long_name_bomb() -> bytes:
    info = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 3 << 30
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


DICE = random.Random(5)  # noqa: S311


def png_header(width: int, height: int) -> bytes:
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(9000)))
    packed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def lying_parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"image": ["a.png"] * 500, "caption": ["x" * 50] * 500}), out, compression="none")
    data = bytearray(out.getvalue())
    start = data.index(b"x" * 50)
    data[start - 60 : start] = DICE.randbytes(60)
    return bytes(data)


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.json", bytes(50_000_000))
    return out.getvalue()


# name -> content, and the reasons that its rows are refused for (None: kept)
HOSTILE: dict[str, tuple[Callable[[], bytes], list[str | None]]] = {
    "dots.jsonl": (lambda: with_image("../../secret.png"), ["path_outside_drop", None]),
    "absolute.jsonl": (lambda: with_image("/etc/passwd"), ["path_outside_drop", None]),
    "symlink.jsonl": (lambda: with_image("link.png"), ["path_outside_drop", None]),
    "url.jsonl": (lambda: with_image("http://127.0.0.1:9/a.png"), ["image_url", None]),
    "metadata_url.jsonl": (lambda: with_image("http://169.254.169.254/latest"), ["image_url", None]),
    "fifo.jsonl": (lambda: with_image("fifo.png"), ["image_missing", None]),
    "giant_png.jsonl": (lambda: with_image("giant.png"), ["image_px", None]),
    "eps.jsonl": (lambda: with_image("script.png"), ["image_type_unknown", None]),
    "truncated.jsonl": (lambda: with_image("cut.png"), ["image_undecodable", None]),
    "nul_path.jsonl": (lambda: with_image("a\0.png"), ["image_missing", None]),
    "bomb.jsonl.gz": (lambda: gzip.compress(bytes(150_000_000)), ["file_bomb"]),
    "bomb.jsonl.zst": (lambda: zstandard.compress(bytes(150_000_000)), ["file_bomb"]),
    "nested.json.gz": (lambda: gzip.compress(gzip.compress(bytes(9_000_000))), ["file_unrecognised"]),
    "bomb.zip": (zip_bomb, ["file_unrecognised"]),
    "deep.jsonl": (lambda: lines('{"a":' * 100_000 + "1" + "}" * 100_000, GOOD), ["too_deep", None]),
    "deep_array.json": (lambda: b"[" + b"[" * 200_000, ["file_unreadable"]),
    "huge_string.jsonl": (
        lambda: lines('{"id": "' + "x" * 5_000_000 + '", "conversations": []}', GOOD),
        ["row_too_large", None],
    ),
    "nul.jsonl": (lambda: lines(GOOD, GOOD.replace("A cat", "A\\u0000cat")), [None, "control_characters"]),
    "raw_nul.jsonl": (lambda: lines(GOOD) + b"\0\0\0\n", [None, "json_invalid"]),
    "utf8.jsonl": (lambda: lines(GOOD) + b'{"id": "\xff\xc0\x80"}\n', [None, "encoding"]),
    "surrogate.jsonl": (lambda: lines(GOOD, GOOD.replace("cat", "\\ud800")), [None, "encoding"]),
    "surrogate_id.jsonl": (lambda: lines(GOOD, GOOD.replace("good", "\\udfff")), [None, "encoding"]),
    "utf16.json": (lambda: json.dumps([{"conversations": TALK}]).encode("utf-16"), ["file_unrecognised"]),
    "numbers.jsonl": (lambda: lines(GOOD[:-1] + ', "n": ' + "9" * 5000 + "}", GOOD), ["json_invalid", None]),
    "escape.tar": (lambda: tar(member("../../evil.txt"), data=b"x"), ["path_outside_drop"]),
    "root.tar": (lambda: tar(member("/etc/evil.txt"), data=b"x"), ["path_outside_drop"]),
    "links.tar": (
        lambda: tar(member("a", tarfile.SYMTYPE, "/etc/passwd"), member("b", tarfile.LNKTYPE, "../x")),
        ["tar_member", "tar_member"],
    ),
    "devices.tar": (lambda: tar(member("c", tarfile.CHRTYPE), member("p", tarfile.FIFOTYPE)), ["tar_member"] * 2),
    "huge.tar": (huge_tar_header, ["file_unreadable"]),
    "long_name.tar": (long_name_bomb, ["file_unreadable"]),
    "cut.tar": (lambda: tar(member("a.txt"), data=b"x" * 3000)[:2000], ["file_unreadable"]),
    "lying.parquet": (lying_parquet, ["file_unreadable"]),
    "no_footer.parquet": (lambda: b"PAR1" + bytes(1000), ["file_unreadable"]),
    "huge_footer.parquet": (lambda: b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1", ["file_unreadable"]),
    "broken.arrow": (lambda: b"ARROW1\0\0\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(100), ["file_unreadable"]),
    "quotes.csv": (lambda: b'image,caption\na.png,"never closed\n' + b"b.png,x\n" * 2000, ["file_unreadable"]),
    "fields.csv": (lambda: b"image,caption\na.png,b,c,d\n", ["csv_fields"]),
    "stray.exe": (lambda: b"MZ" + bytes(range(256)), ["file_unrecognised"]),
    "pickle.pkl": (lambda: b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", ["file_unrecognised"]),
    "data_url.jsonl": (lambda: with_image("data:image/png;base64,AAAA"), ["image_type_unknown", None]),
    "types.jsonl": (
        lambda: lines({"id": {}, "conversations": {"a": 1}}, {"conversations": [[1]]}, {"conversations": None}, GOOD),
        ["field_type", "field_type", "field_missing", None],
    ),
}


def make(root: Path) -> Path:
    drop = root / "drop"
    drop.mkdir()
    (root / "secret.png").write_bytes(b"secret")
    for name, (content, _) in HOSTILE.items():
        (drop / name).write_bytes(content())
    out = io.BytesIO()
    Image.frombytes("L", (64, 64), DICE.randbytes(64 * 64)).save(out, "PNG")
    (drop / "cut.png").write_bytes(out.getvalue()[:-300])
    (drop / "giant.png").write_bytes(png_header(100_000, 100_000))
    (drop / "script.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n")
    (drop / "link.png").symlink_to(root / "secret.png")
    (drop / "linked.jsonl").symlink_to(root / "secret.png")
    os.mkfifo(drop / "fifo.png")
    os.mkfifo(drop / "pipe.jsonl")
    return drop


def ingest_good_rows(folder: Path) -> None:
    """Starts the workers, whose own memory is not to be counted."""
    (folder / "drop").mkdir(parents=True)
    (folder / "drop" / "rows.jsonl").write_bytes(lines(*[GOOD] * 20))
    ingest(Lake(folder / "lake"), folder / "drop", "warm", settings=IngestSettings(), progress=SilentProgress())
    shutil.rmtree(folder)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.full
def test_each_hostile_file_is_a_recorded_reason_and_spoils_nothing_else(tmp_path: Path, ray_session: None):
    drop = make(tmp_path)
    before = tree(tmp_path)
    lake = Lake(tmp_path / "lake")
    settings = IngestSettings(max_row_bytes=4 << 20)
    ingest_good_rows(tmp_path / "warm")
    started = time.monotonic()
    with Memory() as memory:
        delivery = ingest(lake, drop, "hostile", settings=settings, progress=SilentProgress())
    assert time.monotonic() - started < 120
    assert memory.peak_mb < MOST_MB

    assert lake.read(DROPS).num_rows == 1
    counts = {count["file"]: count for count in file_counts(lake, [delivery.delivery])[delivery.delivery]}
    rows = lake.read(QUARANTINE).sort_by([("file", "ascending"), ("row", "ascending")]).to_pylist()
    refused = {name: [row["reason"] for row in rows if row["file"] == name] for name in counts}
    expected = {name: [reason for reason in reasons if reason] for name, (_, reasons) in HOSTILE.items()}
    expected |= {"linked.jsonl": ["path_outside_drop"], "pipe.jsonl": ["path_outside_drop"]}
    assert refused == expected
    kept = {name: counts[name]["rows_kept"] for name in HOSTILE}
    assert kept == {name: sum(reason is None for reason in reasons) for name, (_, reasons) in HOSTILE.items()}
    assert delivery.rows_in == delivery.rows_kept + delivery.rows_quarantined
    assert lake.read(EXAMPLES).num_rows == delivery.rows_kept
    assert lake.read(IMAGES).num_rows == 0
    assert all(len(row["raw"] or "") <= settings.max_raw_bytes + 100 for row in rows)
    assert {path for path in tree(tmp_path) - before if not path.startswith("lake")} == set()


def test_a_drop_that_changes_while_it_is_read_is_refused(tmp_path: Path, ray_session: None):
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "rows.jsonl").write_bytes(lines(GOOD))
    lake = Lake(tmp_path / "lake")

    class Meddler(SilentProgress):
        def track(self, label: str, total: int | None = None):
            if label.startswith("Check"):
                (drop / "rows.jsonl").write_bytes(lines(GOOD, GOOD))
            return super().track(label, total)

    with pytest.raises(ValueError, match=r"rows\.jsonl changed while the drop was read"):
        ingest(lake, drop, "moving", settings=IngestSettings(), progress=Meddler())
    assert lake.read(DROPS).num_rows == lake.read(EXAMPLES).num_rows == 0
    assert ingest(lake, drop, "moving", settings=IngestSettings(), progress=SilentProgress()).rows_kept == 2
