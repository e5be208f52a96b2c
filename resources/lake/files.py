"""Parquet files of the lake's tables: conforming rows, writing them in bounded pieces, and reading them back."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ops.core.arrow_types import fields, type_in
from ops.core.errors import AssayError
from ops.core.schemas import TableSpec

ROW_GROUP_BYTES = 8 << 20
"""Arrow bytes of a row group: what a reader must hold at least, and what it decodes to fetch one image."""
ROW_GROUP_ROWS = 64 << 10
FILE_BYTES = 256 << 20
"""Arrow bytes after which a new file begins."""

Partition = Mapping[str, str | int]


class LakeError(AssayError, RuntimeError):
    """The lake cannot be read or written as asked; the message says which table, why, and what to do."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A Parquet file on storage: its path for the file system, its size in bytes, and what its footer says."""

    path: str
    size: int
    metadata: pq.FileMetaData


def file_schema(spec: TableSpec) -> pa.Schema:
    """The columns that the files hold: those of the table but the partition's, which the folders' names hold."""
    return pa.schema([field for field in fields(spec.schema) if field.name not in spec.partition_by])


def partition_folder(spec: TableSpec, partition: Partition) -> str:
    """Folder of a partition within the lake, in Hive's form: `examples/delivery=flowers-1`.

    Raises ValueError where the partition is not one value for each of the spec's partition columns."""
    if set(partition) != set(spec.partition_by) or any(value in (None, "") for value in partition.values()):
        raise ValueError(
            f"{spec.name} is partitioned by {list(spec.partition_by)}, one value each; got {dict(partition)}"
        )
    parts = [f"{name}={_escaped(str(partition[name]))}" for name in spec.partition_by]
    return "/".join([spec.name, *parts])


def _escaped(value: str) -> str:
    """The value as a folder's name. Only ASCII is escaped, for Spark takes each escape for one character."""
    return "".join(letter if letter > "\x7f" else quote(letter, safe="") for letter in value)


def without_partition(rows: pa.Table, spec: TableSpec, partition: Partition) -> pa.Table:
    """The rows as a file of the partition holds them.

    Raises ValueError where rows of another partition are among them, and as `conform` does."""
    for name in spec.partition_by:
        if name in rows.column_names:
            held = set(rows[name].unique().to_pylist()) - {partition[name]}
            if held:
                raise ValueError(
                    f"{spec.name}: rows of {name} {sorted(map(str, held))} in the partition {dict(partition)}"
                )
            rows = rows.drop_columns([name])
    return conform(rows, file_schema(spec), spec.name)


def conform(rows: pa.Table, schema: pa.Schema, owner: str) -> pa.Table:
    """The rows with exactly the schema's columns, in its order and types. `owner` names the table in errors.

    Raises ValueError where a column is missing or unknown, or where its values do not fit the promised type."""
    missing = [name for name in schema.names if name not in rows.column_names]
    unknown = [name for name in rows.column_names if name not in schema.names]
    if missing or unknown:
        raise ValueError(
            f"{owner}: promised the columns {schema.names}; missing {missing}, unknown {unknown}. "
            "Give every column of the schema, nulls where there is nothing."
        )
    rows = rows.select(schema.names)
    if rows.schema.equals(schema):
        return rows
    try:
        return rows.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        differing = [
            f"{field.name}: {type_in(rows.schema, field.name)}, promised {field.type}"
            for field in fields(schema)
            if type_in(rows.schema, field.name) != field.type
        ]
        raise ValueError(f"{owner}: {error} ({'; '.join(differing)})") from error


def _pieces(batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of about one row group each; holds at most one group and one incoming batch."""
    held: list[pa.Table] = []
    held_bytes = held_rows = 0
    for batch in batches:
        row_bytes = max(1, batch.nbytes // max(1, batch.num_rows))
        step = max(1, min(ROW_GROUP_ROWS, ROW_GROUP_BYTES // row_bytes))
        for start in range(0, batch.num_rows, step):
            piece = batch.slice(start, step)
            if held and (held_bytes + piece.nbytes > ROW_GROUP_BYTES or held_rows + piece.num_rows > ROW_GROUP_ROWS):
                yield pa.concat_tables(held)
                held, held_bytes, held_rows = [], 0, 0
            held.append(piece)
            held_bytes += piece.nbytes
            held_rows += piece.num_rows
    if held:
        yield pa.concat_tables(held)


def write_files(
    filesystem: pafs.FileSystem, folder: str, batches: Iterable[pa.Table], *, schema: pa.Schema, prefix: str = ""
) -> list[WrittenFile]:
    """Write the batches, which all have `schema`, to new Parquet files in `folder`; no rows, no file. Where `batches`
    raises, nothing is left behind.

    Memory is bounded by two row groups and one incoming batch."""
    if isinstance(filesystem, pafs.LocalFileSystem):
        filesystem.create_dir(folder)
    written: list[WrittenFile] = []
    token = uuid.uuid4().hex
    pieces = _pieces(batches)
    path = ""
    try:
        piece = next(pieces, None)
        while piece is not None:
            path = f"{folder}/{prefix}{token}-{len(written):05d}.parquet"
            metadata, piece = _write_file(filesystem, path, piece, pieces, schema=schema)
            written.append(WrittenFile(path, filesystem.get_file_info(path).size, metadata))
    except BaseException:
        for left in {path, *(file.path for file in written)} - {""}:
            if filesystem.get_file_info(left).type == pafs.FileType.File:
                filesystem.delete_file(left)
        raise
    return written


def _write_file(
    filesystem: pafs.FileSystem, path: str, piece: pa.Table | None, pieces: Iterator[pa.Table], *, schema: pa.Schema
) -> tuple[pq.FileMetaData, pa.Table | None]:
    """Fill one file, a row group a piece; returns its footer and the first piece that is left for the next."""
    file_bytes = 0
    with (
        filesystem.open_output_stream(path) as sink,
        pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=not has_binary(schema)) as writer,
    ):
        while piece is not None and file_bytes < FILE_BYTES:
            writer.write_table(piece, row_group_size=max(1, piece.num_rows))
            file_bytes += piece.nbytes
            piece = next(pieces, None)
    return writer.writer.metadata, piece


def has_binary(schema: pa.Schema) -> bool:
    """Whether the schema holds bytes (images, vectors), whose decoding costs more than that of all other columns."""
    return any(pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type) for field in fields(schema))
