"""Arrow streams and files: the `data-*.arrow` of a Hugging Face dataset saved to disk."""

from collections.abc import Iterator

import pyarrow as pa

from ops.drop_files import DropFiles
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard

_FILE_MAGIC = b"ARROW1\0\0"
_STREAM_MAGIC = b"\xff\xff\xff\xff"
_SLICE_ROWS = 64


def _recognise(probe: Probe) -> bool:
    return probe.head.startswith((_FILE_MAGIC, _STREAM_MAGIC))


def _open(files: DropFiles, file: str) -> tuple[pa.NativeFile, int]:
    """A stream of messages, past the magic of the file form, whose messages are those of a stream."""
    stream = pa.PythonFile(files.open(file), mode="r")  # pyright: ignore[reportArgumentType]
    start = len(_FILE_MAGIC) if stream.read(len(_FILE_MAGIC)) == _FILE_MAGIC else 0
    stream.seek(start)
    return stream, start


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    stream, start = _open(files, file)
    with stream:
        schema = pa.ipc.read_schema(pa.ipc.read_message(stream))
        begin, first, row = start, 0, 0
        whole = any(pa.types.is_dictionary(field.type) for field in schema)
        shards: list[Shard] = []
        if not whole:
            begin = stream.tell()
            for batch in _batches(stream, schema):
                row += batch.num_rows
                if stream.tell() - begin >= shard_bytes:
                    shards.append(Shard(file, begin, stream.tell(), first, stream.tell() - begin))
                    begin, first = stream.tell(), row
        else:
            stream.seek(0, 2)
        end = stream.tell()
    return [*shards, Shard(file, begin, end, first, end - begin)] if row > first or not shards else shards


def _batches(stream: pa.NativeFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            message = pa.ipc.read_message(stream)
        except EOFError:
            return
        if message.type == "record batch":
            batch = pa.ipc.read_record_batch(message, schema)
            batch.validate(full=True)
            yield batch


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    stream, start = _open(files, shard.file)
    row = shard.row
    with stream:
        if shard.start == start:
            batches: Iterator[pa.RecordBatch] = iter(pa.ipc.open_stream(stream))
        else:
            schema = pa.ipc.read_schema(pa.ipc.read_message(stream))
            stream.seek(shard.start)
            batches = _batches(stream, schema)
        while shard.start == start or stream.tell() < shard.stop:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError, ValueError) as error:
                yield Record(row, problem=("file_unreadable", f"from row {row} on: {error}"[:500]))
                return
            if batch is None:
                return
            for at in range(0, batch.num_rows, _SLICE_ROWS):
                for fields in batch.slice(at, _SLICE_ROWS).to_pylist():
                    yield Record(row, fields)
                    row += 1


CONTAINER = Container(name="arrow", title="Arrow", recognise=_recognise, split=_split, read=_read, rank=90)
