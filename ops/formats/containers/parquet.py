"""Parquet, one record a row. An `Image` feature of Hugging Face datasets is a struct of bytes and path."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from ops.drop_files import DropFiles
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard

_MAGIC = b"PAR1"
_BATCH_ROWS = 64


def _open(files: DropFiles, file: str) -> pq.ParquetFile:
    # A buffer makes Arrow read page by page instead of whole column chunks.
    return pq.ParquetFile(files.open(file), buffer_size=1 << 20, pre_buffer=False)


def _split(files: DropFiles, file: str, shard_bytes: int, limits: Limits) -> list[Shard]:
    meta = _open(files, file).metadata
    shards: list[Shard] = []
    start, first, row, size = 0, 0, 0, 0
    for group in range(meta.num_row_groups):
        size += meta.row_group(group).total_byte_size
        row += meta.row_group(group).num_rows
        if size >= shard_bytes:
            shards.append(Shard(file, start, group + 1, first, size))
            start, first, size = group + 1, row, 0
    if start < meta.num_row_groups or not shards:
        shards.append(Shard(file, start, meta.num_row_groups, first, size))
    return shards


def _read(files: DropFiles, shard: Shard, limits: Limits) -> Iterator[Record]:
    row = shard.row
    parquet = _open(files, shard.file)
    for group in range(shard.start, shard.stop):
        after = row + parquet.metadata.row_group(group).num_rows
        try:
            for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=[group], use_threads=False):
                for fields in batch.to_pylist():
                    yield Record(row, fields)
                    row += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            detail = f"row group {group}, from row {row} on: {error}"
            yield Record(row, problem=("file_unreadable", detail[:500]))
        row = after


def _recognise(probe: Probe) -> bool:
    return probe.head.startswith(_MAGIC)


CONTAINER = Container(name="parquet", title="Parquet", recognise=_recognise, split=_split, read=_read, rank=100)
