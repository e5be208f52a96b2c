"""Parquet files read in pieces, with the types that pyarrow's stubs leave open."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq


def file_schema(path: Path) -> pa.Schema:
    """The columns of the file."""
    return cast(Any, pq).read_schema(path)


def stored_schema(path: str, filesystem: pafs.FileSystem) -> pa.Schema:
    """The columns of a file of that file system."""
    return cast(Any, pq).read_schema(path, filesystem=filesystem)


def row_group(file: pq.ParquetFile, number: int, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one row group, with these columns, or all of them."""
    return cast(Any, file).read_row_group(number, columns=columns)


def file_batches(file: pq.ParquetFile, rows: int) -> Iterator[pa.RecordBatch]:
    """All rows, at most so many at a time."""
    return cast(Any, file).iter_batches(rows)


def group_batches(file: pq.ParquetFile, number: int, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of one row group, at most so many at a time, read in this thread."""
    return cast(Any, file).iter_batches(rows, row_groups=[number], use_threads=False)
