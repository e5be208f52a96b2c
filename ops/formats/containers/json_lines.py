"""JSON lines: one JSON object a line (`.jsonl`, `.ndjson`), blank lines skipped."""

import re
from collections.abc import Iterator

import orjson

from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.formats.containers.framing import LineFramer, cut, frames
from ops.formats.containers.json_text import opening, record
from ops.intake.drop_files import DropFiles

_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(r"\.(jsonl|ndjson|jsonlines)$", re.IGNORECASE)
_PROBED_LINES = 50


def _recognise(probe: Probe) -> bool:
    lines = [line.strip() for line in probe.head.removeprefix(_BOM).split(b"\n") if line.strip()]
    whole = lines[:-1] if len(lines) > 1 else lines
    if len(lines) == 1 and not _NAME.search(probe.name) and opening(probe.head) is not None:
        return False  # an object that holds the rows, written on one line
    if lines and lines[0].startswith(b"[") and not _NAME.search(probe.name):
        return False  # an array with an element a line, of which the last has no comma
    if any(_is_object(line) for line in whole[:_PROBED_LINES]):
        return True
    return bool(_NAME.search(probe.name)) or (
        len(lines) == 1 and lines[0].startswith(b'{"') and len(probe.head) >= 4096
    )


def _is_object(line: bytes) -> bool:
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    with files.expanded(file, expansion=limits.expansion) as stream:
        return cut(stream, LineFramer(), start=0, file=file, shard_bytes=shard_bytes)


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    with files.expanded(shard.file, expansion=limits.expansion, start=shard.start) as stream:
        for row, frame in enumerate(frames(stream, LineFramer(), shard, limits), start=shard.row):
            data = frame.data.removeprefix(_BOM) if row == 0 else frame.data
            if data := data.strip():
                yield record(frame, row=row, data=data)


CONTAINER = Container(name="json_lines", title="JSON lines", recognise=_recognise, split=_split, read=_read, rank=20)
