"""CSV and TSV with a header line, quoted as RFC 4180 says; a quote inside an unquoted field is only a character."""

import csv
import io
import re
import sys
from collections.abc import Iterator

import numpy as np

from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.formats.containers.framing import Ends, Frame, cut, frames
from ops.intake.drop_files import DropFiles

_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(r"\.(csv|tsv|tab)$", re.IGNORECASE)
_HEADER = re.compile(rb"[\w ./-]{1,60}")
_TEXT_BYTES_A_NUL = 20
_QUOTE, _BREAK, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


class TableFramer:
    """A record a line, unless the line break stands in a quoted field: one that begins with a quote."""

    done = False

    def __init__(self, separator: bytes) -> None:
        self.separator = separator[0]
        self.quoted = False
        self.before = _BREAK  # the last byte of the chunk before
        self.closing = False  # whether that was a quote in a quoted field, which the next byte explains

    def feed(self, chunk: bytes) -> Ends:
        data = np.frombuffer(chunk, np.uint8)
        if not self.quoted and not self.closing and b'"' not in chunk:
            self.before = chunk[-1]
            return np.flatnonzero(data == _BREAK) + 1
        ends = self._walk(chunk, np.flatnonzero((data == _BREAK) | (data == _QUOTE)).tolist())
        self.before = chunk[-1]
        return np.array(ends, np.int64)

    def _walk(self, chunk: bytes, places: list[int]) -> list[int]:
        ends: list[int] = []
        skip = -1
        if self.closing:
            skip = self._explain(chunk, -1)
        for at in places:
            if at == skip:
                continue
            if chunk[at] == _BREAK:
                if not self.quoted:
                    ends.append(at + 1)
            elif self.quoted:
                skip = self._explain(chunk, at)
            else:
                before = chunk[at - 1] if at else self.before
                self.quoted = before in (self.separator, _BREAK, _RETURN)
        return ends

    def _explain(self, chunk: bytes, at: int) -> int:
        """Reads what follows a quote at `at` in a quoted field: another quote (its place is returned, to be skipped),
        the end of the field, or anything else, which leaves the field open."""
        self.closing = at + 1 == len(chunk)
        if self.closing:
            return -1
        after = chunk[at + 1]
        if after == _QUOTE:
            return at + 1
        self.quoted = after not in (self.separator, _BREAK, _RETURN)
        return -1


def _separator(name: str, head: bytes) -> bytes:
    first = head.removeprefix(_BOM).split(b"\n", 1)[0]
    counts = {mark: first.count(mark) for mark in (b"\t", b",", b";")}
    if name.lower().endswith((".tsv", ".tab")) and (counts[b"\t"] or not counts[b","]):
        return b"\t"
    return max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else b","


def _recognise(probe: Probe) -> bool:
    # One NUL spoils one row; a file of every other byte is UTF-16, or no text.
    if probe.head.count(b"\x00") * _TEXT_BYTES_A_NUL > len(probe.head):
        return False
    if _NAME.search(probe.name):
        return True
    lines = probe.head.removeprefix(_BOM).split(b"\n")
    fields = lines[0].strip().split(_separator(probe.name, probe.head))
    return len(lines) > 1 and len(fields) > 1 and all(_HEADER.fullmatch(field.strip(b'" ')) for field in fields)


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    separator = _separator(file, files.head(file))
    with files.expanded(file, expansion=limits.expansion) as stream:
        return cut(stream, TableFramer(separator), start=0, file=file, shard_bytes=shard_bytes)


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    head = files.head(shard.file)
    separator = _separator(shard.file, head)
    with files.expanded(shard.file, expansion=limits.expansion, start=shard.start) as stream:
        header = _header(files, shard.file, separator, limits) if shard.row else None
        for number, frame in enumerate(frames(stream, TableFramer(separator), shard, limits), start=shard.row):
            if header is None:
                header = _fields(frame, separator)
            elif frame.data.strip():
                yield _record(frame, number, header, separator)


def _header(files: DropFiles, file: str, separator: bytes, limits: Limits) -> list[str]:
    with files.expanded(file, expansion=limits.expansion) as stream:
        whole = Shard(file, 0, 1 << 62, 0, 0)
        return _fields(next(frames(stream, TableFramer(separator), whole, limits)), separator)


def _fields(frame: Frame, separator: bytes) -> list[str]:
    text = frame.data.removeprefix(_BOM).decode("utf-8")
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator.decode()))
    if len(lines) > 1:
        raise csv.Error("a carriage return outside of quotes: end lines with line feeds, and quote what holds breaks")
    return lines[0] if lines else []


def _record(frame: Frame, row: int, header: list[str], separator: bytes) -> Record:
    if frame.large:
        return Record(row, raw=frame.data, problem=("row_too_large", f"starts {frame.data[:80]!r}"))
    try:
        values = _fields(frame, separator)
    except UnicodeDecodeError as error:
        return Record(row, raw=frame.data, problem=("encoding", f"byte {error.start}: {error.reason}"))
    except csv.Error as error:
        return Record(row, raw=frame.data, problem=("csv_fields", str(error)))
    if frame.open and frame.data.count(b'"') % 2:
        return Record(row, raw=frame.data, problem=("file_unreadable", f"a quote of line {row} is never closed"))
    if len(values) != len(header):
        return Record(row, raw=frame.data, problem=("csv_fields", f"{len(values)} fields, {len(header)} in the header"))
    return Record(row, dict(zip(header, values, strict=True)), frame.data)


CONTAINER = Container(name="table_text", title="CSV and TSV", recognise=_recognise, split=_split, read=_read, rank=5)
