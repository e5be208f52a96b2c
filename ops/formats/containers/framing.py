"""Where the records of a text file end, found without parsing it.

A file is cut at the ends of records, so that shards are read apart and a broken record spoils only itself. That is
what a streaming parser does not give: it stops at the first error and cannot start in the middle. Each record is then
parsed on its own by orjson, csv or whatever its container takes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from ops.formats.containers.contract import Limits, Shard
from ops.intake.decompression import CHUNK_BYTES, read_chunk
from ops.intake.row import RowError

Ends = NDArray[np.int64]

KEEP_BYTES = 1 << 16  # of a record that is too large


class Framer(Protocol):
    """Finds the ends of records in a stream given to it chunk by chunk."""

    done: bool
    """Whether the last record has ended, whatever may follow."""

    def feed(self, chunk: bytes) -> Ends:
        """Offsets in this chunk just behind the records that end in it."""
        ...


class LineFramer:
    """A record a line."""

    done = False

    def feed(self, chunk: bytes) -> Ends:
        return np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + 1


_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRUCTURE = np.zeros(256, np.int8)
for _byte, _step in ((b"[", 1), (b"{", 1), (b"]", -1), (b"}", -1)):
    _STRUCTURE[_byte[0]] = _step


class ArrayFramer:
    """The elements of a JSON array, from inside it: each ends behind its comma or behind the closing bracket."""

    def __init__(self) -> None:
        self.done = False
        self.depth = 1
        self.odd = 0
        self.escaped = False

    def feed(self, chunk: bytes) -> Ends:
        data = np.frombuffer(self._without_escapes(chunk), np.uint8)
        quotes = np.flatnonzero(data == ord('"'))
        steps = _STRUCTURE[data]
        marks = np.flatnonzero((steps != 0) | (data == ord(",")))
        marks = marks[(np.searchsorted(quotes, marks) + self.odd) % 2 == 0]
        depths = self.depth + np.cumsum(steps[marks], dtype=np.int64)
        self.odd = (self.odd + len(quotes)) % 2
        ends = marks[((data[marks] == ord(",")) & (depths == 1)) | (depths == 0)]
        closed = np.flatnonzero(depths <= 0)
        if len(closed):
            self.done = True
            ends = ends[ends <= marks[closed[0]]]
        elif len(depths):
            self.depth = int(depths[-1])
        return ends + 1

    def _without_escapes(self, chunk: bytes) -> bytes:
        if self.escaped:
            chunk = b"_" + chunk[1:]
            self.escaped = False
        if b"\\" not in chunk:
            return chunk
        chunk = _ESCAPE.sub(b"__", chunk)
        self.escaped = chunk.endswith(b"\\")
        return chunk


@dataclass(frozen=True, slots=True)
class Frame:
    """A record as bytes, and how it came: `large` where it was cut at the limit, `open` where the file ended first."""

    data: bytes
    large: bool = False
    open: bool = False


def cut(stream: BinaryIO, framer: Framer, *, start: int, file: str, shard_bytes: int) -> list[Shard]:
    """Shards of a stream that stands at `start`, each ending with a record, about `shard_bytes` long. Where the stream
    breaks, the last one ends behind the break: its reader gives the records before it, meets it again, and says where.
    """
    shards: list[Shard] = []
    begin, row, rows, position, last = start, 0, 0, start, start
    chunks = _Chunks(stream)
    for chunk in chunks:
        position += len(chunk)
        if framer.done:
            continue  # nothing that follows is a record, but it may break, or not be what a checksum says
        ends = framer.feed(chunk)
        if len(ends):
            last = position - len(chunk) + int(ends[-1])
            rows += len(ends)
            if last - begin >= shard_bytes:
                shards.append(Shard(file, begin, last, row, last - begin))
                begin, row = last, rows
    end = position + 1 if chunks.broken else last if framer.done else position
    if end > begin or not shards:
        shards.append(Shard(file, begin, end, row, end - begin))
    return shards


class _Chunks:
    """The chunks of a stream up to its end, or to where it breaks."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.broken = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while chunk := read_chunk(self.stream, CHUNK_BYTES):
                yield chunk
        except RowError:
            self.broken = True


def frames(stream: BinaryIO, framer: Framer, shard: Shard, limits: Limits) -> Iterator[Frame]:
    """The records of a shard, from a stream that stands at its start. Memory: one record of at most `row_bytes`, and
    one chunk."""
    left = shard.stop - shard.start
    pending, size = bytearray(), 0
    while left > 0 and not framer.done and (chunk := read_chunk(stream, min(CHUNK_BYTES, left))):
        left -= len(chunk)
        previous = 0
        for end in framer.feed(chunk).tolist():
            size += end - previous
            yield _frame(pending, chunk[previous:end], size=size, limits=limits)
            pending, size, previous = bytearray(), 0, end
        rest = chunk[previous:]
        size += len(rest)
        if len(pending) < limits.row_bytes:
            pending += rest
    while left > 0 and (chunk := read_chunk(stream, min(CHUNK_BYTES, left))):
        left -= len(chunk)  # behind the last record; a shard goes on there only to the break of its file
    if pending.strip() and not framer.done:
        large = size > limits.row_bytes
        yield Frame(bytes(pending[:KEEP_BYTES] if large else pending), large=large, open=True)


def _frame(pending: bytearray, piece: bytes, *, size: int, limits: Limits) -> Frame:
    if size > limits.row_bytes:
        return Frame(bytes((pending + piece[:KEEP_BYTES])[:KEEP_BYTES]), large=True)
    return Frame(bytes(pending + piece) if pending else piece)
