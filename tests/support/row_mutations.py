"""Rows of every documented format, mutated, and written into every container, for test_ingest_mutations.py."""

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.support.layouts import ASK, CHAT, LAYOUTS, picture

Row = dict[str, Any]

#: Rows that use every field the formats document, beside the layouts of tests/ops/formats/test_formats.py.
DETAILED: list[tuple[str, Row]] = [
    ("llava", {"id": 7, "image": "a.png", "conversations": ASK, "source": "x", "tags": [1, {"a": None}]}),
    ("messages", {"id": "m", "messages": CHAT, "n": 0.5}),
    ("preferences", {"id": "p", "prompt": "What?", "chosen": "A", "rejected": "B", "annotator": "kim", "n": 1}),
    ("labelled", {"id": "l", "prompt": "What?", "completion": "A", "label": "good", "annotator": "kim"}),
    (
        "rated",
        {
            "id": "r",
            "prompt": "What?",
            "completions": [
                {"response": "A", "rating": 4, "annotator": "kim", "rating_scale": 5, "model": "m"},
                {"response": "B", "rating": 2.5, "annotator": "lee", "rating_scale": 5, "model": "m"},
            ],
        },
    ),
    ("rated", {"prompt": "What?", "responses": ["A", "B"], "scores": [1, 0.5], "scale": 1}),
    (
        "rated",
        {
            "question": "What?",
            "completions": [{"response": "A", "ratings": [{"rating": 4, "annotator": "x"}, {"rating": 2}]}],
        },
    ),
    (
        "rated",
        {
            "prompt": "What?",
            "completions": {
                "annotations": [{"Helpfulness": {"Rating": "4", "Rationale": "r"}}],
                "model": ["m"],
                "response": ["A"],
            },
        },
    ),
    (
        "judged_lines",
        {
            "id": "j",
            "messages": [{"role": "user", "content": "What?"}],
            "responses": [
                {"text": "A", "role": "chosen", "label": "good", "rating": 0.8, "rating_scale": 1.0},
                {"text": "B", "role": "rejected", "label": None, "rating": None, "rating_scale": None},
            ],
        },
    ),
    ("judged_lines", {"messages": CHAT[:1], "responses": [{"text": "A", "role": "response", "label": "bad"}]}),
    ("captions", {"id": "c", "image": "a.png", "caption": "A cat.", "width": 3}),
]
BASES: dict[str, list[Row]] = {}
for _form, _row in [*((form, row) for _, form, row, _ in LAYOUTS), *DETAILED]:
    BASES.setdefault(_form, []).append(_row)

INFINITE, HUGE = "@@1e999@@", "@@huge@@"  # numbers that JSON can write and Python's writer cannot
_NUMBERS = {f'"{INFINITE}"': "1e999", f'"{HUGE}"': "9" * 400}


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udcff",
    "x\udfff",
    "\ufeff",
    "\ufffe",
    "\x1b]8;;http://x\x07here",
    "\x1b[2J",
    "\x9b31m",
    "\x7f\x08\r",
    "\u202eevil",
    "[red]x[/]",
    "[/]",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "<image>",
    "<image>" * 300,
    "x" * 70_000,
    "../../etc/passwd",
    "/etc/passwd",
    "http://127.0.0.1:1/a.png",
    "data:image/png;base64,",
    "data:image/png;base64,AAAA",
    "N/A",
    "NaN",
    "1e999",
    "9" * 5000,
    "{}",
    '{"question": 1, "chosen": 2, "rejected": 3}',
    '{"a":' * 300,
    "\u0000\u0001",
    "e\u0301" * 50,
    "\U0010ffff",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    3.5,
    -0.0,
    1 << 63,
    -(1 << 63) - 1,
    float("nan"),
    float("inf"),
    INFINITE,
    HUGE,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"a": 1},
    {"": None},
    {"bytes": None, "path": None},
    {"path": "\0"},
    {"role": "user"},
    {"type": "image"},
    {"type": "text", "text": 5},
    [{"role": "alien", "content": "x"}],
    [{"role": "user", "content": None}],
    deep(40),
    deep(400),
    *TEXTS,
]
NAMES = """
    id image images conversations from value messages role content type text prompt question chosen rejected completions
    responses response rating ratings scores label caption annotator rating_scale scale annotations system __key__ path
    bytes
"""
KEYS = NAMES.split()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) in a tree of lists and objects."""
    if not isinstance(value, dict | list):
        return
    for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        yield from places(child)


def mutated(row: Row, dice: random.Random) -> Row:
    """The row with one to three of its values deleted, renamed, retyped, doubled, wrapped or replaced."""
    row = deepcopy(row)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        spots = list(places(row))
        if not spots:
            return row
        holder, key = dice.choice(spots)
        match dice.randrange(8):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice([*KEYS, *TEXTS[:12]])] = holder.pop(key)
            case 1:
                holder.append(deepcopy(holder[key]))
            case 2:
                holder[key] = [holder[key]]
            case 3:
                holder[key] = str(holder[key])
            case 4 if isinstance(holder[key], str):
                holder[key] = dice.choice(TEXTS) + holder[key]
            case _:
                holder[key] = deepcopy(dice.choice(VALUES))
    return row


def as_json(row: Row) -> str:
    """The row as JSON, with the numbers that Python's writer refuses."""
    text = json.dumps(row, ensure_ascii=True)
    for mark, number in _NUMBERS.items():
        text = text.replace(mark, number)
    return text


def json_lines(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("\n".join(map(as_json, rows)))


def json_array(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("[" + ",\n".join(map(as_json, rows)) + "]")


def data_key(path: Path, rows: Sequence[Row]) -> None:
    path.write_text('{"version": 1, "data": [' + ",".join(map(as_json, rows)) + "]}")


def gzipped(path: Path, rows: Sequence[Row]) -> None:
    path.write_bytes(gzip.compress("\n".join(map(as_json, rows)).encode(), 1))


def zstd(path: Path, rows: Sequence[Row]) -> None:
    path.write_bytes(zstandard.compress(("[" + ",".join(map(as_json, rows)) + "]").encode(), 1))


def tar(path: Path, rows: Sequence[Row]) -> None:
    """Each row as the json of a sample; its `id`, where it is a text, names the sample."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for number, row in enumerate(rows):
            for extension, data in (("png", picture(kind="PNG")), ("json", as_json(row).encode())):
                info = tarfile.TarInfo(f"{number:05d}.{extension}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def table_text(path: Path, rows: Sequence[Row]) -> None:
    """Each row's image and caption as texts; half surrogates become bytes that are no UTF-8."""
    lines = ["image,caption,extra"]
    for row in rows:
        cells = [row.get("image", "a.png"), row.get("caption", ""), row.get("width", "")]
        lines.append(",".join('"' + str(cell).replace('"', '""') + '"' for cell in cells))
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))


#: name of the file -> its writer; each writes a record a row.
WRITERS: dict[str, Callable[[Path, Sequence[Row]], None]] = {
    "rows.jsonl": json_lines,
    "rows.json": json_array,
    "data.json": data_key,
    "rows.jsonl.gz": gzipped,
    "rows.json.zst": zstd,
    "rows.tar": tar,
    "rows.csv": table_text,
}


def arrow_table(row: Row) -> pa.Table | None:
    """The row, three times, as a table; None where Arrow cannot hold it. Texts that are no UTF-8 are put in unchecked,
    as a careless writer does."""
    columns: dict[str, pa.Array] = {}
    try:
        for name, value in row.items():
            if isinstance(value, str):
                data = value.encode("utf-8", "surrogatepass")
                columns[name] = pa.array([data] * 3, pa.binary()).view(pa.string())
            else:
                columns[name] = pa.array([value] * 3)
        return pa.table(columns)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError):
        return None


def write_parquet(path: Path, table: pa.Table) -> bool:
    """Whether Parquet can hold the table, and it is written."""
    try:
        pq.write_table(table, path)
    except pa.ArrowNotImplementedError:  # an object without fields
        return False
    return True


def write_arrow(path: Path, table: pa.Table) -> bool:
    """Whether Arrow's writer can write the table, and it is written."""
    try:
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table)
    except pa.ArrowInvalid:  # nested too deeply
        return False
    return True


COLUMNAR: dict[str, Callable[[Path, pa.Table], bool]] = {"rows.parquet": write_parquet, "rows.arrow": write_arrow}
