"""Parquet, one record a row. An `Image` feature of Hugging Face datasets is a struct of bytes and path."""

from collections.abc import Iterator

import pyarrow.parquet as pq

from ops.core.parquet_files import group_batches
from ops.formats.containers.columns import check_row_count, records
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.intake.decompression import FREE_EXPANSION_BYTES
from ops.intake.drop_files import DropError, DropFiles
from ops.intake.row import RowError

_MAGIC = b"PAR1"
_BATCH_ROWS = 64
_BATCH_BYTES = 256 << 20


def _open(files: DropFiles, file: str) -> pq.ParquetFile:
    # A buffer makes Arrow read page by page instead of whole column chunks.
    return pq.ParquetFile(files.open(file), buffer_size=1 << 20, pre_buffer=False)


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    meta = _open(files, file).metadata
    groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
    _check_size(sum(group.total_byte_size for group in groups), meta.num_rows, files.size(file), limits)
    shards: list[Shard] = []
    start, first, row, size = 0, 0, 0, 0
    for number, group in enumerate(groups):
        size += group.total_byte_size
        row += group.num_rows
        if size >= shard_bytes:
            shards.append(Shard(file, start, number + 1, first, size))
            start, first, size = number + 1, row, 0
    if start < len(groups) or not shards:
        shards.append(Shard(file, start, len(groups), first, size))
    return shards


def _check_size(expanded: int, rows: int, file_bytes: int, limits: Limits) -> None:
    if expanded > max(FREE_EXPANSION_BYTES, limits.expansion * file_bytes):
        raise RowError("file_bomb", f"{expanded} bytes in a file of {file_bytes}")
    check_row_count(rows, file_bytes)


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    row = shard.row
    parquet = _open(files, shard.file)
    for number in range(shard.start, shard.stop):
        group = parquet.metadata.row_group(number)
        after = row + group.num_rows
        try:
            for batch in group_batches(parquet, number, _batch_rows(group)):
                yield from records(batch, row, limits)
                row += batch.num_rows
        except DropError:
            raise
        except Exception as error:
            # Decoders raise nearly anything on hostile pages; the next group is read all the same.
            detail = f"row group {number}, from row {row} on: {error}"
            yield Record(row, problem=("file_unreadable", detail[:500]))
        row = after


def _batch_rows(group: pq.RowGroupMetaData) -> int:
    """How many rows are made at a time. Of a dictionary, a few bytes a row can name one large value again and
    again."""
    columns = [group.column(number) for number in range(group.num_columns)]
    largest = sum(_dictionary_bytes(column) for column in columns) + group.total_byte_size // max(1, group.num_rows)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, largest)))


def _dictionary_bytes(column: pq.ColumnChunkMetaData) -> int:
    """Bytes of a column's dictionary, as near as its place in the file tells."""
    if not column.has_dictionary_page:
        return 0
    packed = max(0, column.data_page_offset - (column.dictionary_page_offset or column.data_page_offset))
    growth = column.total_uncompressed_size / max(1, column.total_compressed_size)
    return int(packed * max(1.0, growth))


def _recognise(probe: Probe) -> bool:
    return probe.head.startswith(_MAGIC)


CONTAINER = Container(name="parquet", title="Parquet", recognise=_recognise, split=_split, read=_read, rank=100)
