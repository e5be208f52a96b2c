"""Reading a table's files: those parts, row groups and columns that are asked for, in bounded memory."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from ops.core.arrow_types import fields, type_in
from ops.core.errors import UnusableError
from resources.lake.files import has_binary
from resources.lake.parts import Part
from resources.lake.statistics import comparable, group_bounds
from resources.lake.where import Condition, expression, may_hold

FORMAT = ds.ParquetFileFormat()


@dataclass(frozen=True, slots=True)
class Scan:
    """Parts of a table to read, its `folder` on storage and its schema, the columns wanted and the conditions on rows
    (none where empty), of which those on the partition's columns are met."""

    filesystem: pafs.FileSystem
    folder: str
    parts: Sequence[Part]
    schema: pa.Schema
    columns: list[str]
    wanted: Mapping[str, Condition]

    def table(self) -> pa.Table:
        """All rows at once, decoded by several threads."""
        with self._readable():
            if self._sifts() or not all(part.whole for part in self.parts):
                batches = list(self._batches(batch_rows=1 << 17, readahead=4))
                return pa.Table.from_batches(batches, self._columns_schema())
            fragments: list[ds.Fragment] = [self._fragment(part) for part in self.parts]
            dataset = ds.FileSystemDataset(fragments, self.schema, FORMAT)
            return dataset.to_table(columns=self.columns, filter=expression(self.wanted, self.schema))

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows as a stream. One scan a row group: a scan of many reads ahead of a slow consumer (800 MB of images
        took 1700 MB; so they take 70)."""
        with self._readable():
            yield from self._batches(batch_rows, readahead=1)

    def _batches(self, batch_rows: int, *, readahead: int) -> Iterator[pa.RecordBatch]:
        for group, filter_ in self._row_groups():
            scanner = group.scanner(
                schema=self.schema,
                columns=self.columns,
                filter=filter_,
                batch_size=batch_rows,
                batch_readahead=readahead,
            )
            yield from (batch for batch in scanner.to_batches() if batch.num_rows)

    def _columns_schema(self) -> pa.Schema:
        return pa.schema(fields(self.schema, *self.columns) if self.columns else [])

    @contextmanager
    def _readable(self) -> Generator[None]:
        """Names the place where a file cannot be read: Arrow may say no more than that a stream ends."""
        try:
            yield
        except (pa.ArrowInvalid, OSError) as error:
            place = min((f"{self.folder}/{part.path}".rpartition("/")[0] for part in self.parts), default="")
            problem = str(error).splitlines()[0]
            raise UnusableError(
                f"a file of {place} cannot be read ({problem}): is the store reachable, and the folder whole?"
            ) from error

    def _sifts(self) -> bool:
        """Whether rows are picked before they are decoded: where bytes are asked for, or some of many values."""
        many = any(condition.many for condition in self.wanted.values())
        return many or (bool(self.wanted) and has_binary(self._columns_schema()))

    def _row_groups(self) -> Iterator[tuple[ds.Fragment, ds.Expression | None]]:
        """The row groups that may hold a wanted row, each with the condition on its rows. Where bytes are asked for,
        only those that do, found by reading the condition's columns alone: a scan would decode all bytes before it
        filters."""
        sifts = bool(self.wanted) and has_binary(self._columns_schema())
        bounded = [name for name in self.wanted if comparable(type_in(self.schema, name))]
        for part in self.parts:
            fragment = self._fragment(part)
            start = 0
            for place, rows in enumerate(group.num_rows for group in fragment.row_groups):
                at, start = start, start + rows
                if at < part.first or (part.stop is not None and at >= part.stop):
                    continue
                bounds = group_bounds(fragment.metadata, place, bounded) if bounded else {}
                if not may_hold(self.wanted, bounds):
                    continue
                # The stub names a format.
                group: Any = fragment.subset(row_group_ids=[place])
                filter_ = expression(self.wanted, self.schema, bounds)
                if not sifts or group.scanner(schema=self.schema, filter=filter_, columns=[]).count_rows():
                    yield group, filter_

    def _fragment(self, part: Part) -> ds.ParquetFileFragment:
        return fragment_of(
            f"{self.folder}/{part.path}",
            self.filesystem,
            partition=part.partition,
            schema=self.schema,
            size=part.size if part.whole else None,
        )


def fragment_of(
    path: str, filesystem: pafs.FileSystem, *, partition: Mapping[str, object], schema: pa.Schema, size: int | None
) -> ds.ParquetFileFragment:
    """A file and the partition values that hold for all its rows, typed by the schema: nothing is parsed from the
    path. `size` is the file's, in bytes."""
    known: ds.Expression | None = None
    for name, value in partition.items():
        term = ds.field(name) == pa.scalar(value, type_in(schema, name))
        known = term if known is None else known & term
    # The stub names the base class.
    return cast(Any, FORMAT).make_fragment(path, filesystem, known, file_size=size)
