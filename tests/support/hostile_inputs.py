"""Hostile rows, archives, files, names and pictures, some two thousand of them, for test_ingest_hostile_inputs.py."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from PIL import Image

from tests.support.layouts import LAYOUTS, picture

#: What a terminal, Rich, a browser, a spreadsheet, a shell, SQL, or a format string might obey.
WORDS = [
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP+q544e\x1b\\",
    "\x9b31mred",
    "\x9d0;title\x9c",
    "\x08" * 20 + "other",
    "kept\rlost",
    "\x00",
    "\x7f",
    "a\u2028b\u2029c",
    "\u202egnp.exe",
    "\u2066isolated",
    "\ud83d",
    "\udcff",
    "\ufeffbom",
    "\uffff\U0010ffff",
    "Z\u0351\u036b\u0343" * 40,
    "[bold red]x[/]",
    "[/]",
    "[link=http://127.0.0.1]x",
    "[@click=app.bell]x[/]",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</style></pre>{{ 7*7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    '=HYPERLINK("http://127.0.0.1")',
    "\t=1",
    "$(touch /tmp/pwned)",
    "`id`",
    "; rm -rf /",
    "' OR '1'='1",
    "Robert'); DROP TABLE examples;--",
    "%s%s%n",
    "{0.__class__.__mro__}",
    "${jndi:ldap://127.0.0.1/a}",
    "__proto__",
    "NaN",
    "null",
    "../../../x",
    "CON",
    "x" * 100_000,
    "\\",
    '\\"',
    "\n\n\n",
]

#: Paths that a row may name an image by; `secret.png` lies beside the drop, `out` is a link to its folder.
PATHS = [
    "../secret.png",
    "../../secret.png",
    "images/../../secret.png",
    "./../secret.png",
    "..",
    "../",
    ".",
    "/",
    "//",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "/dev/stdin",
    "dev/../../../../../../dev/zero",
    "~/secret.png",
    "~root/secret.png",
    "$HOME/secret.png",
    "%2e%2e/secret.png",
    "..%2fsecret.png",
    "..\\secret.png",
    "..\\..\\secret.png",
    "\\\\host\\share\\secret.png",
    "C:\\secret.png",
    "c:/secret.png",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "FILE:///etc/passwd",
    "http://127.0.0.1:9/a.png",
    "https://127.0.0.1:9/a.png",
    "HTTP://127.0.0.1:9/a.png",
    "ftp://127.0.0.1/a.png",
    "gs://bucket/a.png",
    "s3://bucket/a.png",
    "memory://a.png",
    "zip://a.png::http://127.0.0.1/a.zip",
    "simplecache::http://127.0.0.1/a.png",
    "filecache::s3://b/a.png",
    "github://a:b@/a.png",
    "data:text/html,<script>",
    "data:image/png;base64,AAAA",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:image/png;base64," + "A" * 50_000,
    "data:,",
    "link.png",
    "out/secret.png",
    "loop.png",
    "loop/a.png",
    "fifo.png",
    "socket.png",
    "device.png",
    "images",
    "images/",
    "images/good.png/x.png",
    "drop.yaml",
    "rows.jsonl",
    "a\x00.png",
    "images/good.png\x00.txt",
    "\x00",
    "\ud800.png",
    "\udcff.png",
    "x" * 300 + ".png",
    "x/" * 2500,
    "x" * 5000,
    "",
    " ",
    "\n",
    "images/good.png\n",
    "images/good.png ",
    "-rf",
    "*",
    "images/*.png",
    "?",
    "[a-z].png",
    "|ls",
    "con.png",
    "images//..//..//secret.png",
    "images/./././../../secret.png",
    "．．/secret.png",
    "..\u2215secret.png",
    ".../secret.png",
    "....//secret.png",
]

GOOD = {"id": "good", "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]}


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) of a text in a tree of lists and objects."""
    for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(child, str):
            yield value, key
        elif isinstance(child, dict | list):
            yield from spots(child)


def rows() -> list[dict[str, Any]]:
    """Each word somewhere in each layout, and each path as an image of each layout that has one."""
    bases = [row for _, _, row, _ in LAYOUTS]
    made = [
        with_word(copy(base), word, number + turn)
        for number, word in enumerate(WORDS)
        for turn, base in enumerate(bases)
    ]
    for path in PATHS:
        made += [copy(base) | {"image": path} for base in bases if isinstance(base.get("image"), str)]
        made += [copy(base) | {"images": [path]} for base in bases if isinstance(base.get("images"), list)]
    return made


def copy(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(row))


def with_word(row: dict[str, Any], word: str, turn: int) -> dict[str, Any]:
    """The row with a word as an id, a judge, an unknown field's name and value, a field, or one of its texts."""
    added: list[dict[str, Any]] = [
        {"id": word},
        {"annotator": word},
        {"extra": {word: [word]}},
        {word: word},
        {"id": {"a": word}},
    ]
    if turn % 6 < len(added):
        return row | added[turn % 6]
    texts = list(spots(row))
    holder, key = texts[turn % len(texts)]
    holder[key] = word
    return row


MEMBERS = [
    "../evil.txt",
    "../../evil.txt",
    "a/../../evil.txt",
    "/evil.txt",
    "//evil.txt",
    "\\evil.txt",
    "C:\\evil.txt",
    "./evil.txt",
    "evil\x1b[2J.txt",
    "evil\n.txt",
    "\udcff\udcfe.txt",
    "ü.txt",
    "x" * 90 + ".txt",
    "x/" * 60 + "evil.txt",
    "x" * 5000 + ".txt",
    ".txt",
    "evil",
    "evil.",
    "evil.txt.txt",
    "a.json",
    "__key__.txt",
    "a.__key__",
    "a.__large__",
    "a.png.exe",
    "PaxHeaders/x.txt",
    "GNUSparseFile.0/x.txt",
    "<script>.txt",
    "[/].txt",
    "=1+1.txt",
    " .txt",
    "CON.txt",
    "..txt",
    "...",
    "a b.txt",
    "-rf.txt",
    "evil.txt/",
]
KINDS = [
    tarfile.REGTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CONTTYPE,
    tarfile.GNUTYPE_SPARSE,
    b"V",
    b"Z",
]


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def block(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def sample(key: str) -> bytes:
    """A good sample of a tar."""
    parts = ((f"{key}.png", picture(kind="PNG")), (f"{key}.txt", b"A cat."))
    return b"".join(header(name, len(data)) + block(data) for name, data in parts)


def archives() -> Iterator[tuple[str, bytes, int]]:
    """Tars: name, bytes, and how many good samples stand in it before and behind the hostile member."""
    with_data = (tarfile.REGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"V", b"Z")
    for n, name in enumerate(MEMBERS):
        for kind in KINDS:
            data = b"secret" if kind in with_data else b""
            whole = sample("before") + header(name, len(data), kind) + block(data) + sample("zz") + bytes(1024)
            yield f"m{n}-{kind.hex()}.tar", whole, 2
    twice = header("a.txt", 3) + block(b"one") + header("a.txt", 3) + block(b"two")
    yield "twice.tar", sample("before") + twice + sample("zz"), 2
    yield "size_of_link.tar", sample("before") + header("l", 0, tarfile.SYMTYPE) + sample("zz"), 2
    for n, claim in enumerate((1 << 20, 1 << 33, 1 << 50, 1 << 62, 1 << 70)):
        yield f"claim{n}.tar", sample("before") + header("a.txt", claim) + b"x" * 512, 1
    for n, pax in enumerate(
        (
            b"20 path=../evil.txt\n",
            b"19 size=9999999999\n",
            b"99999999999999999999 path=x\n",
            b"0 path=x\n",
            b"-1 path=x\n",
            b"15 size=1e309\n\n",
            b"22 GNU.sparse.major=1\n",
            b"\xff\xfe",
            b"26 path=\xff\xfe\x00\x1b[2J.txt..\n",
        )
    ):
        evil = header("pax", len(pax), tarfile.XHDTYPE) + block(pax) + header("a.txt", 3) + block(b"one")
        yield f"pax{n}.tar", sample("before") + evil, 1
    evil = b"".join(header("pax", 10, tarfile.XHDTYPE) + block(b"10 a=bcde\n") for _ in range(3000))
    yield "many_pax.tar", sample("before") + evil + header("a.txt", 3) + block(b"one"), 1


class Runs:
    """A pickle that makes a file where it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def zipped(name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table rows (caption text)")
        return connection.serialize()


def pickled_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([Runs()], dtype=object), allow_pickle=True)
    return out.getvalue()


def contents() -> dict[str, bytes]:
    """Files that are no rows, or not what they seem."""
    line = json.dumps(GOOD).encode()
    return {
        **{f"pickle{n}": pickle.dumps(Runs(), protocol=n) for n in range(6)},
        "numpy": pickled_array(),
        "torch": zipped("archive/data.pkl", pickle.dumps(Runs())),
        "zip": zipped("rows.json", line),
        "zip_slip": zipped("../../evil.json", line),
        "zip_bomb": zipped("rows.json", bytes(20_000_000)),
        "bz2": bz2.compress(line),
        "xz": lzma.compress(line),
        "sqlite": database(),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(200),
        "elf": b"\x7fELF" + bytes(200),
        "class": b"\xca\xfe\xba\xbe" + bytes(100),
        "script": b"#!/bin/sh\nmkdir pwned\n",
        "python": b"import os\nos.mkdir('pwned')\n",
        "html": b"<html><script>alert(1)</script></html>",
        "xml": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x"/></svg>',
        "yaml": b"!!python/object/apply:os.mkdir [pwned]\n",
        "pdf": b"%PDF-1.7\n1 0 obj<</JavaScript 1>>",
        "postscript": b"%!PS\n(pwned) (w) file\n",
        "empty": b"",
        "space": b" \n\t\r\n",
        "nuls": bytes(5000),
        "ones": b"\xff" * 5000,
        "bom": b"\xef\xbb\xbf",
        "utf16": json.dumps([GOOD]).encode("utf-16"),
        "utf32": json.dumps([GOOD]).encode("utf-32"),
        "open_array": b"[" * 100_000,
        "open_object": b'{"a":' * 100_000,
        "open_string": b'["' + b"x" * 100_000,
        "commas": b"[" + b"," * 100_000,
        "quotes": b'"' * 100_001,
        "escapes": b'{"id": "' + b"\\" * 100_001,
        "scalar": b"1",
        "huge_number": b"9" * 100_000,
        "no_object": b'[1, null, true, "x", [], 1e999]',
        "gzip_of_gzip": gzip.compress(gzip.compress(line)),
        "gzip_cut": gzip.compress(line * 500)[:-20],
        "gzip_head": b"\x1f\x8b",
        "gzip_name": b"\x1f\x8b\x08\x08\0\0\0\0\0\x03../../evil\0" + gzip.compress(line)[10:],
        "gzip_bomb": gzip.compress(bytes(80_000_000)),
        "zstd_bomb": zstandard.compress(bytes(200_000_000)),
        "zstd_head": b"\x28\xb5\x2f\xfd",
        "zstd_window": b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(50),
        "zstd_skip": b"\x50\x2a\x4d\x18\xff\xff\xff\xff",
        "parquet_head": b"PAR1PAR1",
        "parquet_footer": b"PAR1" + bytes(50) + struct.pack("<I", 1 << 30) + b"PAR1",
        "arrow_head": b"ARROW1\0\0",
        "arrow_length": b"\xff\xff\xff\xff\xff\xff\xff\x7f",
        "arrow_negative": b"\xff\xff\xff\xff\x00\x00\x00\x80",
        "tar_head": bytes(257) + b"ustar\x0000" + bytes(300),
        "formulas": b"image,caption\n=1+1,=cmd|' /C calc'!A0\n",
        "csv_nul": b"image,caption\na.png,x\x00y\n" * 3,
        "csv_quote": b'image,caption\n"a.png,x\n' * 50,
        "csv_wide": b"image,caption" + b",x" * 50_000 + b"\n",
        "csv_return": b"image,caption\ra.png,x\r",
        "deep": b"[" + b'{"id": 1, "conversations": ' + b"[" * 5000 + b"]" * 5000 + b"}]",
        "keys": b"[{" + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b"}]",
        "same_keys": b'[{"id": 1, "id": 2, "conversations": [], "conversations": null}]',
    }


ENDINGS = (".json", ".jsonl", ".csv", ".parquet", ".arrow", ".tar", ".json.gz", ".bin")


def columns() -> dict[str, bytes]:
    """Parquet files that a writer would not write by accident."""
    tables = {
        "nulls": pa.table({"image": pa.nulls(100), "caption": pa.nulls(100)}),
        "nothing": pa.table({"image": pa.array([], pa.string())}),
        "binary": pa.table({"image": [b"\x00\xff"] * 3, "caption": [b"\xff"] * 3}),
        "names": pa.table({word: ["x"] for word in WORDS if word.isprintable()} | {"image": ["a"], "caption": ["b"]}),
        "words": pa.table(
            {"image": ["a"] * 3, "caption": pa.array([b"\xed\xa0\x80", b"ok", b"\xff"]).view(pa.string())}
        ),
        "moments": pa.table({"image": ["a"], "caption": ["b"], "at": pa.array([1 << 62]).view(pa.timestamp("us"))}),
        "maps": pa.table(
            {"image": ["a"], "caption": ["b"], "m": pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))}
        ),
        "twice": pa.Table.from_arrays(
            [pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["image", "caption", "caption"]
        ),
    }
    made: dict[str, bytes] = {}
    for name, table in tables.items():
        out = io.BytesIO()
        pq.write_table(table, out)
        made[name] = out.getvalue()
    return made


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def pictures() -> dict[str, bytes]:
    """Pictures that promise too much, hold something else, or never end."""
    good = picture(kind="PNG")
    frames = io.BytesIO()
    stills = [Image.new("P", (8, 8), n % 256) for n in range(300)]
    stills[0].save(frames, "GIF", save_all=True, append_images=stills[1:])
    made = {
        f"{w}x{h}.png": png(w, h)
        for w, h in ((0, 0), (1, 0), (1 << 31, 1), (100_000, 100_000), (30_001, 1), (65_535, 65_535))
    }
    made |= {f"cut{n}.png": good[:n] for n in (1, 7, 8, 16, 33, 50, len(good) - 13)}
    made |= {f"cut{n}.jpg": picture()[:n] for n in (2, 3, 20, 200, 400)}
    return made | {
        "text_bomb.png": png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000))), pixels=bytes(200)),
        "profile_bomb.png": png(8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000))), pixels=bytes(200)),
        "pixel_bomb.png": png(8, 8, pixels=bytes(50_000_000)),
        "frames.gif": frames.getvalue(),
        "huge.gif": b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x02" + bytes(50),
        "huge.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 1 << 30, 1 << 30, 1, 24, 0, 0, 0, 0, 0, 0),
        "minus.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -5, -(1 << 31), 1, 24, 0, 0, 0, 0, 0, 0),
        "loop.tif": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "tags.tif": b"II*\0\x08\0\0\0\xff\xff" + bytes(1000),
        "huge.webp": b"RIFF\xff\xff\xff\xffWEBPVP8X\n\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff",
        "empty.avif": b"\0\0\0\x20ftypavif" + bytes(60),
        "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "page.png": b"<html><script>alert(1)</script>",
        "vector.svg": b"<svg/>",
        "pickle.png": pickle.dumps(Runs()),
        "tail.png": good + pickle.dumps(Runs()),
        "zip.jpg": picture() + zipped("x", b"y"),
        "empty.png": b"",
    }


#: Names of files, as bytes, without what follows the last dot.
FILE_NAMES = [
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\x1b[2J",
    b"\x1b]0;t\x07",
    b"\xc2\x9b31m",
    b"\xe2\x80\xaegnp",
    b"new\nline",
    b"tab\t",
    b"[red]x[",
    b"<script>alert(1)<",
    b"=1+1",
    b"-rf",
    b"--help",
    b"~",
    b"$(id)",
    b"*",
    b"?",
    b"%00",
    b"%2e%2e%2f",
    b"..\\..\\x",
    b"C:\\x",
    b"a::b",
    b"a#b",
    b"a?b",
    b"a b",
    b"'",
    b'"',
    b"x" * 240,
    b"http:",
    b"CON",
    b"...",
    b"\xcc\x81" * 60,
    b"a.json.gz",
    b"part=1",
    b"delivery=x",
    b"__HIVE_DEFAULT_PARTITION__",
]
