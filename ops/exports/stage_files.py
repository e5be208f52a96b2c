"""Files of a whole stage. Shards are written one by one, in any order; what each has for a stage's file waits in a
scratch part, and the parts are joined in order when all shards are there."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.json_values import Fields
from ops.core.parquet_files import file_schema, row_group
from ops.exports.contract import ExportError, Shard, ShardDone
from ops.exports.rows import TableWriter, json_line
from ops.exports.sink import Sink

Join = Callable[[Sequence[Path], Sink, str], int]
"""Joins parts, in their order, into the file of that name; returns how many rows it has."""
TableRow = tuple[str, Fields]
"""The table that a row belongs to, and the row."""


@dataclass(frozen=True, slots=True)
class StageFile:
    """The rows of one table and stage, in a file of that name."""

    table: str
    stage: int
    name: str
    rows: int


def write_table_parts(shard: Shard, rows: Iterable[TableRow], sink: Sink, schemas: Mapping[str, pa.Schema]) -> int:
    """The shard's rows as a scratch Parquet file a table; returns how many rows there were."""
    count = 0
    writers: dict[str, TableWriter] = {}
    with ExitStack() as files:
        for table, row in rows:
            if table not in writers:
                file = files.enter_context(_part(sink, shard, table))
                writers[table] = TableWriter(file, schemas[table])
                files.callback(writers[table].close)
            writers[table].add(dict(row))
            count += 1
    return count


def write_line_parts(shard: Shard, rows: Iterable[TableRow], sink: Sink) -> int:
    """The shard's rows as a scratch file of JSON lines a table; returns how many rows there were."""
    count = 0
    files: dict[str, IO[bytes]] = {}
    with ExitStack() as stack:
        for table, row in rows:
            if table not in files:
                files[table] = stack.enter_context(_part(sink, shard, table))
            files[table].write(json_line(row))
            count += 1
    return count


def join_stages(
    shards: Sequence[ShardDone], sink: Sink, tables: Iterable[str], *, join: Join, pattern: str
) -> list[StageFile]:
    """Join the parts of each table and stage that has rows; `pattern` makes a file's name of table and stage. Raises
    ExportError where the parts hold other than the rows that the shards wrote."""
    ordered = sorted(shards, key=lambda done: (done.shard.stage, done.shard.kind, done.shard.number))
    files: list[StageFile] = []
    for table in tables:
        for stage, of_stage in groupby(ordered, key=lambda done: done.shard.stage):
            parts = [path for done in of_stage if (path := part_path(sink, done.shard, table)).exists()]
            if parts:
                name = pattern.format(table=table, stage=stage)
                files.append(StageFile(table, stage, name, join(parts, sink, name)))
    written, promised = sum(file.rows for file in files), sum(done.rows for done in shards)
    if written != promised:
        raise ExportError(f"{promised} rows were written, {written} are there. Remove {sink.folder} and export again")
    return files


def part_tables(shards: Sequence[ShardDone], sink: Sink) -> list[str]:
    """The tables that the shards have parts of, sorted, where they are not known beforehand."""
    tables: set[str] = set()
    for done in shards:
        folder, prefix = part_path(sink, done.shard, "").parent, f"{done.shard.name}."
        tables |= {path.name.removeprefix(prefix) for path in folder.glob(f"{prefix}*") if path.suffix != ".new"}
    return sorted(tables)


def join_tables(parts: Sequence[Path], sink: Sink, name: str) -> int:
    """One Parquet file of the parts' rows, a row group at a time; returns how many."""
    rows = 0
    schema = file_schema(parts[0])
    with sink.open(name) as file, pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=False) as writer:
        for part in parts:
            with pq.ParquetFile(part) as table:
                rows += table.metadata.num_rows
                for group in range(table.num_row_groups):
                    writer.write_table(row_group(table, group))
    sink.count_rows({name: rows})
    return rows


def join_lines(parts: Sequence[Path], sink: Sink, name: str) -> int:
    """One file of JSON lines; returns how many."""
    rows = 0
    with sink.open(name) as file:
        for line in _lines(parts):
            rows += file.write(line + b"\n") > 0
    sink.count_rows({name: rows})
    return rows


def join_array(parts: Sequence[Path], sink: Sink, name: str) -> int:
    """The lines of the parts as one JSON array; returns how many."""
    rows = 0
    with sink.open(name) as file:
        file.write(b"[\n")
        for line in _lines(parts):
            file.write((b",\n" if rows else b"") + line)
            rows += 1
        file.write(b"\n]\n")
    sink.count_rows({name: rows})
    return rows


def part_path(sink: Sink, shard: Shard, table: str) -> Path:
    """Where the shard's part of a table lies."""
    return sink.part(f"{shard.name}.{table}")


@contextmanager
def _part(sink: Sink, shard: Shard, table: str) -> Generator[IO[bytes], None, None]:
    """A part, there under its name only when the block ends well."""
    path = part_path(sink, shard, table)
    unfinished = path.with_name(f"{path.name}.new")
    with unfinished.open("wb") as file:
        yield file
    unfinished.replace(path)


def _lines(parts: Sequence[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as lines:
            for line in lines:
                yield line.rstrip(b"\n")
