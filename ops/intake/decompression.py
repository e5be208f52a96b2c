"""Compressed files read as what they hold: gzip and zstd, told by their first bytes, within bounds."""

import gzip
import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

import zstandard

from ops.intake.row import RowError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 20
FREE_EXPANSION_BYTES = 64 << 20
"""A small file may expand to this much whatever the ratio."""
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_SUFFIXES = (".gz", ".zst")


def read_chunk(stream: BinaryIO, size: int) -> bytes:
    """The next `size` bytes; fewer at the end of the stream, or where it breaks: then the next call raises. A plain
    `read` that meets a break loses what it had before it."""
    read = getattr(stream, "read1", stream.read)
    pieces: list[bytes] = []
    try:
        while size > 0 and (piece := read(size)):
            pieces.append(piece)
            size -= len(piece)
    except RowError:
        if not pieces:
            raise
    return b"".join(pieces)


def plain_name(name: str) -> str:
    """A name without its compression suffix."""
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return f"{name[:-4]}.tar" if name.lower().endswith(".tgz") else name


def compression_of(raw: BinaryIO) -> str | None:
    """How the stream is compressed, as its next four bytes tell; None where they do not."""
    magic = raw.read(4)
    return _COMPRESSIONS.get(magic[:2]) or _COMPRESSIONS.get(magic)


class _ZstdReader:
    """Zstandard frames one after the other. The library's own stream reader takes a cut file for a whole one."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.frame: zstandard.ZstdDecompressionObj | None = None
        self.waiting = b""
        self.ready = memoryview(b"")

    def read1(self, size: int) -> bytes:
        """At most so many bytes; none at the end alone."""
        while not self.ready:
            # Little goes in at a time, for one byte may become 32 KiB.
            data = self.waiting or self.raw.read(2048)
            self.waiting = b""
            if not data:
                if self.frame is not None:
                    raise EOFError("in the middle of a frame")
                return b""
            if self.frame is None:
                self.frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            self.ready = memoryview(self.frame.decompress(data))
            if self.frame.eof:
                self.waiting, self.frame = self.frame.unused_data, None
        piece, self.ready = self.ready[:size], self.ready[size:]
        return bytes(piece)

    def close(self) -> None:
        self.ready = memoryview(b"")


class Expanded(io.RawIOBase):
    """A decompressing stream that counts what comes out against what went in."""

    def __init__(self, raw: BinaryIO, kind: str, *, expansion: int) -> None:
        super().__init__()
        self.raw = raw
        self.inner = gzip.GzipFile(fileobj=raw) if kind == "gzip" else _ZstdReader(raw)
        self.out = 0
        self.expansion = expansion
        self.problem: RowError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        if self.problem is not None:
            raise self.problem
        try:
            data = self.inner.read1(min(len(view), CHUNK_BYTES))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            self.problem = RowError("file_unreadable", f"the compressed data ends or breaks: {error}")
            raise self.problem from None
        view[: len(data)] = data
        self.out += len(data)
        if self.out > max(FREE_EXPANSION_BYTES, self.expansion * max(1, self.raw.tell())):
            self.problem = RowError("file_bomb", f"more than {self.expansion} bytes come out for each byte of the file")
            raise self.problem
        return len(data)

    def skip(self, size: int) -> None:
        """Reads and forgets `size` bytes."""
        while size > 0:
            buffer = bytearray(min(size, CHUNK_BYTES))
            got = self.readinto(buffer)
            if not got:
                return
            size -= got

    def close(self) -> None:
        self.inner.close()
        self.raw.close()
        super().close()
