"""Files that are no rows or not what they seem, tables that no writer would write by accident, and names of files."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import struct
import zipfile
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.support.hostile_inputs.rows import GOOD, WORDS


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


@cache
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
