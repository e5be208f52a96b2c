"""Arrow streams and files: the `data-*.arrow` of a Hugging Face dataset saved to disk."""

from collections.abc import Iterator

import pyarrow as pa

from ops.core.arrow_types import fields, fields_in
from ops.formats.containers.columns import check_row_count, records
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.intake.drop_files import DropFiles
from ops.intake.row import RowError

_FILE_MAGIC = b"ARROW1\0\0"
_STREAM_MAGIC = b"\xff\xff\xff\xff"
_BROKEN = (pa.ArrowException, OSError, ValueError)


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
        if any(_has_dictionary(field.type) for field in fields(schema)):
            end = stream.seek(0, 2)
            return [Shard(file, start, end, 0, end - start)]
        return _cut(stream, schema, file, shard_bytes)


def _cut(stream: pa.NativeFile, schema: pa.Schema, file: str, shard_bytes: int) -> list[Shard]:
    begin, first, row = stream.tell(), 0, 0
    shards: list[Shard] = []
    try:
        for batch in _batches(stream, schema):
            row += batch.num_rows
            check_row_count(row, stream.tell())
            if stream.tell() - begin >= shard_bytes:
                shards.append(Shard(file, begin, stream.tell(), first, stream.tell() - begin))
                begin, first = stream.tell(), row
    except RowError:
        raise
    except _BROKEN:
        row = -1  # the reader of the last shard meets it again and says where
        stream.seek(0, 2)
    end = stream.tell()
    return shards if row == first and shards else [*shards, Shard(file, begin, end, first, end - begin)]


def _has_dictionary(kind: pa.DataType) -> bool:
    """Whether values are told by numbers into a dictionary, which comes in messages of its own."""
    return pa.types.is_dictionary(kind) or any(_has_dictionary(field.type) for field in fields_in(kind))


def _batches(stream: pa.NativeFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            message = pa.ipc.read_message(stream)
        except EOFError:
            return
        if message.type == "record batch":
            batch = pa.ipc.read_record_batch(message, schema)
            _check_buffers(batch, pa.ipc.read_record_batch(message, _without_text(schema)))
            yield batch


def _check_buffers(batch: pa.RecordBatch, same: pa.RecordBatch | None = None) -> None:
    """Raises where reading a value could leave the buffers. `same` is the batch with its texts as bytes: text that is
    no UTF-8 is told by the row that holds it."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        if same is None:
            raise
        same.validate(full=True)


def _without_text(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(_bytes_type(field.type)) for field in fields(schema)])


def _bytes_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_bytes_type(field.type)) for field in fields_in(kind)])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_bytes_type(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_bytes_type(kind.value_type)))
    return kind


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    stream, start = _open(files, shard.file)
    row = shard.row
    with stream:
        try:
            for batch in _shard_batches(stream, start, shard):
                yield from records(batch, row, limits)
                row += batch.num_rows
        except RowError:
            raise
        except _BROKEN as error:
            yield Record(row, problem=("file_unreadable", f"from row {row} on: {error}"[:500]))


def _shard_batches(stream: pa.NativeFile, start: int, shard: Shard) -> Iterator[pa.RecordBatch]:
    if shard.start == start:  # one with dictionaries, which only its own reader puts together
        rows = 0
        for batch in pa.ipc.open_stream(stream):
            _check_buffers(batch)
            rows += batch.num_rows
            check_row_count(rows, shard.size)
            yield batch
        return
    schema = pa.ipc.read_schema(pa.ipc.read_message(stream))
    stream.seek(shard.start)
    for batch in _batches(stream, schema):
        yield batch
        if stream.tell() >= shard.stop:
            return


CONTAINER = Container(name="arrow", title="Arrow", recognise=_recognise, split=_split, read=_read, rank=90)
