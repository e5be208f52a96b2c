"""Rows out of the columns of Arrow and Parquet files, so that a value that cannot be read costs its row alone."""

from collections.abc import Iterator

import pyarrow as pa

from ops.core.arrow import column_of
from ops.core.json_values import Cell
from ops.formats.containers.contract import Limits, Record
from ops.intake.row import RowError

_SLICE_ROWS = 64
_FREE_ROWS = 1 << 20  # what a small file may claim to hold; columns of nulls take no bytes


def check_row_count(rows: int, file_bytes: int) -> None:
    """`RowError` where a file claims more rows than it has bytes to tell them apart."""
    if rows > max(_FREE_ROWS, file_bytes):
        raise RowError("file_bomb", f"{rows} rows in {file_bytes} bytes")


def records(batch: pa.RecordBatch, row: int, limits: Limits) -> Iterator[Record]:
    """The rows of a batch whose buffers are sound; `row` is the number of the first."""
    for at in range(0, batch.num_rows, _SLICE_ROWS):
        part = batch.slice(at, _SLICE_ROWS)
        yield from _sliced(part, row + at, limits)


def _sliced(part: pa.RecordBatch, row: int, limits: Limits) -> Iterator[Record]:
    if part.nbytes <= limits.row_bytes:
        try:
            rows = part.to_pylist()
        except Exception:
            rows = None  # a value that Python has no word for: a year 0, text that is no UTF-8
        if rows is not None:
            yield from (Record(row + n, fields) for n, fields in enumerate(rows))
            return
    for n in range(part.num_rows):
        yield _single(part.slice(n, 1), row + n, limits)


def _single(part: pa.RecordBatch, row: int, limits: Limits) -> Record:
    if part.nbytes > limits.row_bytes:
        return Record(row, problem=("row_too_large", f"{part.nbytes} bytes"))
    fields: dict[str, Cell] = {}
    problem: tuple[str, str] | None = None
    for at, name in enumerate(part.schema.names):  # of which two may be the same
        try:
            fields[name] = column_of(part, at)[0].as_py()
        except UnicodeDecodeError as error:
            problem = ("encoding", f"{name[:200]}, byte {error.start}: {error.reason}")
        except Exception as error:
            problem = ("field_type", f"{name[:200]}: {type(error).__name__}: {error}"[:500])
    return Record(row, fields, problem=problem)
