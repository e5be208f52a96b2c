"""Where an ingest keeps what is finished until all is: files under `.scratch` of the lake, by delivery."""

import io
import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import zstandard

from ops.core.identity import digest
from ops.intake.decompression import read_chunk
from ops.intake.drop_files import DropFiles
from ops.intake.row import RowError
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder of the lake's storage. Each file appears in one step, a result last, so that its tables are whole."""

    lake: Lake
    name: str

    def _storage(self) -> tuple[pafs.FileSystem, str]:
        filesystem, base = self.lake.storage.open()
        return filesystem, f"{base}/.scratch/{self.name}"

    @contextmanager
    def _whole(self, name: str) -> Generator[tuple[pafs.FileSystem, str]]:
        """A path to write to, moved to its name at the end: two processes that take in the same drop write the same
        files, and neither may read half of one."""
        filesystem, folder = self._storage()
        filesystem.create_dir(folder, recursive=True)
        partial = f"{folder}/{name}.{uuid4().hex}.partial"
        yield filesystem, partial
        filesystem.move(partial, f"{folder}/{name}")

    def write_table(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """A table, streamed."""
        with (
            self._whole(f"{name}.parquet") as (filesystem, path),
            pq.ParquetWriter(path, schema, filesystem=filesystem, compression="zstd") as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table of this scratch."""
        filesystem, folder = self._storage()
        return cast(Any, pq).read_table(
            f"{folder}/{name}.parquet", columns=columns, filesystem=filesystem, partitioning=None
        )

    def write_result(self, name: str, result: dict[str, Any]) -> None:
        """What a task found, once its tables are written."""
        with self._whole(f"{name}.json") as (filesystem, path), filesystem.open_output_stream(path) as stream:
            stream.write(json.dumps(result).encode())

    def read_result(self, name: str) -> dict[str, Any] | None:
        """What a task found before, if it came to its end."""
        filesystem, folder = self._storage()
        path = f"{folder}/{name}.json"
        if filesystem.get_file_info(path).type != pafs.FileType.File:
            return None
        with filesystem.open_input_stream(path) as stream:
            return json.loads(stream.read())

    @contextmanager
    def writing(self, name: str) -> Generator[BinaryIO]:
        """A stream to a file of this scratch, which appears at the end."""
        with self._whole(name) as (filesystem, path), filesystem.open_output_stream(path, buffer_size=1 << 20) as out:
            yield out  # pyright: ignore[reportReturnType]

    def opened(self, name: str) -> BinaryIO:
        """A file of this scratch, to be read from anywhere."""
        filesystem, folder = self._storage()
        return filesystem.open_input_file(f"{folder}/{name}")  # pyright: ignore[reportReturnType]

    def exists(self, path: str) -> bool:
        """Whether there is a file at a path relative to the lake's root."""
        filesystem, _ = self._storage()
        base = self.lake.storage.open()[1]
        return filesystem.get_file_info(f"{base}/{path}").type == pafs.FileType.File

    def remove(self) -> None:
        """Everything of this scratch, whoever else removes it."""
        filesystem, folder = self._storage()
        with suppress(FileNotFoundError):
            filesystem.delete_dir(folder)


@dataclass(frozen=True, slots=True)
class InflatedFiles:
    """The content of a drop's compressed files, each inflated once and kept in blocks that are frames of their own, so
    that a shard anywhere in it costs about its own size. Without this, the n-th shard would inflate the n - 1 before
    it."""

    scratch: Scratch

    def keep(self, files: DropFiles, name: str, *, expansion: int, block_bytes: int) -> None:
        """Inflates a file, if it is compressed and this has not been done."""
        key = _inflated(name)
        if self.scratch.read_result(key) is not None or not files.compressed(name):
            return
        blocks = _Blocks(block_bytes)
        with files.expanded(name, expansion=expansion) as stream, self.scratch.writing(f"{key}.zst") as out:
            for block in blocks.of(stream):
                out.write(block)
        self.scratch.write_result(
            key, {"block_bytes": block_bytes, "offsets": blocks.offsets[:-1], "problem": blocks.problem}
        )

    def open(self, name: str, start: int) -> BinaryIO | None:
        """See `ops.intake.drop_files.Inflated`."""
        key = _inflated(name)
        kept = self.scratch.read_result(key)
        if kept is None:
            return None
        number = min(start // kept["block_bytes"], max(0, len(kept["offsets"]) - 1))
        source = self.scratch.opened(f"{key}.zst")
        source.seek(kept["offsets"][number] if kept["offsets"] else 0)
        stream = _Kept(source, kept["problem"])
        stream.skip(start - number * kept["block_bytes"])
        return io.BufferedReader(stream, _READ_BYTES)


_READ_BYTES = 1 << 16  # no more than this is inflated beyond what is asked for


def _inflated(name: str) -> str:
    return f"inflated-{digest(name)}"


class _Blocks:
    """Compresses a stream in blocks, and notes where each begins and what ended the stream before its time."""

    def __init__(self, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self.offsets = [0]
        self.problem: tuple[str, str] | None = None

    def of(self, stream: BinaryIO) -> Iterator[bytes]:
        compressor = zstandard.ZstdCompressor(level=1)
        while block := self._block(stream):
            packed = compressor.compress(block)
            self.offsets.append(self.offsets[-1] + len(packed))
            yield packed

    def _block(self, stream: BinaryIO) -> bytes:
        """The next block; what is there of the last where the stream breaks. One that is broken is read no further."""
        block = bytearray()
        try:
            while self.problem is None and len(block) < self.block_bytes:
                piece = read_chunk(stream, min(self.block_bytes - len(block), _READ_BYTES))
                if not piece:
                    break
                block += piece
        except RowError as problem:
            self.problem = (problem.reason, problem.detail)
        return bytes(block)


class _Kept(io.RawIOBase):
    """The blocks one after the other; at their end, what ended the file itself."""

    def __init__(self, source: BinaryIO, problem: tuple[str, str] | None) -> None:
        super().__init__()
        self.source = source
        self.problem = problem
        self.inner = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True, closefd=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.inner.read(min(len(buffer), _READ_BYTES))
        if not data and self.problem is not None:
            raise RowError(*self.problem)
        buffer[: len(data)] = data
        return len(data)

    def skip(self, size: int) -> None:
        """Reads and forgets `size` bytes."""
        while size > 0 and (got := len(self.inner.read(min(size, _READ_BYTES)))):
            size -= got

    def close(self) -> None:
        self.source.close()
        super().close()
