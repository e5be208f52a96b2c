"""The lake: one folder of Delta tables, the only thing that engines pass each other.

Any process writes Parquet files into a table's folder (`stage`); the driver adds them in one transaction (`commit`).
What delta-rs does with two writers was tried (deltalake 1.6.6): commits that carry an application transaction of the
same name conflict while neither has loaded the other, whatever their partitions; one that has loaded the other's
succeeds. So every commit first looks whether its transaction is in the version it stands on, and after a conflict
looks again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from ops.core.log import SEQUENCE, Log, Row
from ops.core.schemas import TableSpec
from resources.config.places import plain_place
from resources.lake.commit import Action, TableLog, active_files, removals
from resources.lake.files import (
    Partition,
    file_schema,
    partition_folder,
    without_partition,
    write_files,
)
from resources.lake.layout import require_format
from resources.lake.parts import Part, split
from resources.lake.scan import Scan
from resources.lake.staged import StagedFile
from resources.lake.transactions import stands, transactions
from resources.lake.where import conditions
from resources.storage.storage import Storage

Rows = pa.Table | Iterable[pa.RecordBatch]
SERIAL = "serial"
"""The application transaction that every `log` of a table carries, so that any two conflict."""
APPEND = "append"
"""That of every `append`, whose names would fill the log."""
COMPACTION = "compaction"
"""The application transaction of every `replace`, so that any two of a table conflict."""
LOG_FILES = 32
"""Files of a log from which on it is written anew."""


class Lake:
    """The tables under `root`, a local folder, however written, or an object-store address such as s3://bucket/prefix.

    `storage_options` are delta-rs's own (aws_endpoint_url, aws_access_key_id, ...); without them those of the
    environment count. Picklable: workers use it too.
    `where` maps columns to a value or a list of values. Reads give the schema of the spec whatever the files hold:
    columns that came later are null in older files, and a table never written is empty."""

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = plain_place(root)
        self.storage = Storage.at(self.root, storage_options)

    def __repr__(self) -> str:
        return f"Lake({self.root!r})"

    @property
    def storage_options(self) -> dict[str, str]:
        """What delta-rs is given for a table of the lake."""
        return self.storage.delta_options

    def version(self, spec: TableSpec) -> int:
        """Delta version of the table; -1 if it was never written."""
        table = self._log(spec).open()
        return -1 if table is None else table.version()

    def read(
        self,
        spec: TableSpec,
        *,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        parts: Sequence[Part] | None = None,
    ) -> pa.Table:
        """The rows that match, with the columns asked for (all of the spec where None). Of `parts`, which a worker was
        given, they are read without a look into the log."""
        return self._scan(spec, where=where, columns=columns, version=version, parts=parts).table()

    def batches(
        self,
        spec: TableSpec,
        *,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        parts: Sequence[Part] | None = None,
        batch_rows: int = 65536,
    ) -> Iterator[pa.RecordBatch]:
        """Like `read`, as a stream of batches of at most `batch_rows` rows; holds one row group at a time."""
        return self._scan(spec, where=where, columns=columns, version=version, parts=parts).batches(batch_rows)

    def parts(
        self,
        spec: TableSpec,
        *,
        where: Mapping[str, object] | None = None,
        version: int | None = None,
        rows: int | None = None,
    ) -> list[Part]:
        """What of the table may hold matching rows, going by partitions and by the statistics of the log: plain
        values for workers, who `read` them with the same `where`. Files of more than `rows` rows come in shares."""
        files = active_files(self._log(spec).open(version), conditions(where or {}, spec.schema, spec.name))
        return files if rows is None else list(split(files, rows))

    def files(
        self, spec: TableSpec, *, where: Mapping[str, object] | None = None, version: int | None = None
    ) -> list[str]:
        """Absolute addresses of the table's Parquet files that may hold matching rows, for engines that read them by
        themselves; these filter."""
        return [f"{self.root}/{spec.name}/{part.path}" for part in self.parts(spec, where=where, version=version)]

    def stage(self, spec: TableSpec, rows: Rows, partition: Partition, *, prefix: str = "") -> list[StagedFile]:
        """Write rows into the table's folder without committing them; any process, no table needed. Holds about two
        row groups and one incoming batch. Files are read in the order of their names, which begin with `prefix`.

        The partition's columns may be among the rows, where they must hold the partition's values."""
        filesystem, base = self.storage.open()
        tables = [rows] if isinstance(rows, pa.Table) else (pa.Table.from_batches([batch]) for batch in rows)
        conformed = (without_partition(table, spec, partition) for table in tables)
        folder = f"{base}/{partition_folder(spec, partition)}"
        written = write_files(filesystem, folder, conformed, schema=file_schema(spec), prefix=prefix)
        return [StagedFile.of(spec, file, partition, base) for file in written]

    def committed(self, spec: TableSpec, once: str) -> bool:
        """Whether a commit under this name has succeeded, and stands."""
        table = self._log(spec).open()
        return table is not None and stands(table.transaction_version(once))

    def committed_of(self, spec: TableSpec, names: Iterable[str]) -> set[str]:
        """Those of the names under which a commit has succeeded, and stands; reads the table's log once, however many
        they are."""
        return {name for name, number in self._transactions(spec, names).items() if stands(number)}

    def revoked_of(self, spec: TableSpec, names: Iterable[str]) -> set[str]:
        """Those of the names under which what was committed was revoked, and not committed again."""
        return {name for name, number in self._transactions(spec, names).items() if not stands(number)}

    def _transactions(self, spec: TableSpec, names: Iterable[str]) -> dict[str, int]:
        version = self.version(spec)
        known = {} if version < 0 else transactions(self.storage, spec.name, version=version)
        return {name: known[name] for name in names if name in known}

    def commit(self, spec: TableSpec, staged: Sequence[StagedFile], *, once: str) -> bool:
        """Add the staged files in one transaction named `once`. False, and the files are removed, where that name
        was committed before. No files is a commit too: it records that the partition is empty."""
        if once in (SERIAL, APPEND, COMPACTION):
            raise ValueError(f"{spec.name}: {once!r} is the lake's own transaction; choose another name")

        def choose(table: DeltaTable) -> list[Action] | None:
            return None if stands(table.transaction_version(once)) else self._actions(spec, staged)

        done = self._log(spec).transact(once, choose)
        if not done:
            self.discard(spec, staged)
        return done

    def revoke(self, spec: TableSpec, *, where: Partition, once: str) -> bool:
        """Take the partition, which was committed under this name and no other, out of the table; what is asked for by
        the name is then made anew. False where no such commit stands. Earlier versions of the table keep the rows."""

        def choose(table: DeltaTable) -> list[Action] | None:
            if not stands(table.transaction_version(once)):
                return None
            return [*removals(active_files(table, conditions(where, spec.schema, spec.name)))]

        return self._log(spec).transact(once, choose)

    def write(self, spec: TableSpec, rows: Rows, *, partition: Partition, once: str) -> bool:
        """Stage and commit; writes nothing where `once` was committed before."""
        if self.committed(spec, once):
            return False
        return self.commit(spec, self.stage(spec, rows, partition), once=once)

    def append(self, spec: TableSpec, staged: Sequence[StagedFile]) -> None:
        """Add the staged files, those that are not there yet: of what is stored by content, where a double does no
        harm."""

        def choose(table: DeltaTable) -> list[Action] | None:
            present = {f"{spec.name}/{part.path}" for part in active_files(table)}
            return self._actions(spec, [file for file in staged if file.path not in present]) or None

        self._log(spec).transact(APPEND, choose)

    def log(self, spec: TableSpec, make_rows: Callable[[Log], list[Row]]) -> list[Row]:
        """Append to a log table, one writer after the other. `make_rows` gets the log as it stands and returns the
        new rows without `sequence`, which counts 0, 1, 2, ...; it is called again when another writer came first."""
        rows: list[Row] = []
        made: list[list[StagedFile]] = []

        def choose(table: DeltaTable) -> list[Action] | None:
            parts = active_files(table)
            present = self._scan(spec, parts=parts).table()
            log = Log.of(present)
            start = len(log.rows)
            rows[:] = [{**row, SEQUENCE: start + n} for n, row in enumerate(make_rows(log))]
            unknown = sorted({name for row in rows for name in row} - set(spec.schema.names))
            if unknown:
                raise ValueError(f"{spec.name}: a row has the unknown columns {unknown}; known are {spec.schema.names}")
            if not rows:
                return None
            new = pa.Table.from_pylist(rows, schema=spec.schema)
            # Readers pay by the file: after so many the log is written anew, in the commit that appends to it.
            old = parts if len(parts) >= LOG_FILES else []
            all_rows = pa.concat_tables([present, new]) if old else new
            # The prefix keeps the files, and so the rows read, in the order of the log.
            made.append(self.stage(spec, all_rows, {}, prefix=f"{0 if old else start:012d}-"))
            return [*removals(old), *self._actions(spec, made[-1])]

        done = self._log(spec).transact(SERIAL, choose)
        self.discard(spec, [file for files in (made[:-1] if done else made) for file in files])
        return rows

    def replace(self, spec: TableSpec, parts: Sequence[Part], staged: Sequence[StagedFile]) -> bool:
        """Put the staged files, which hold the same rows, in the place of these whole files. Whoever reads an earlier
        version reads the old ones. False, and the staged files are removed, where one of the old ones has gone."""
        old = {part.path for part in parts}

        def choose(table: DeltaTable) -> list[Action] | None:
            present = {part.path for part in active_files(table)}
            return [*removals(parts), *self._actions(spec, staged)] if old <= present else None

        done = self._log(spec).transact(COMPACTION, choose)
        if not done:
            self.discard(spec, staged)
        return done

    def _log(self, spec: TableSpec) -> TableLog:
        require_format(self.storage)
        return self._table(spec)

    def _table(self, spec: TableSpec) -> TableLog:
        return TableLog(f"{self.root}/{spec.name}", spec, self.storage_options)

    def _scan(
        self,
        spec: TableSpec,
        *,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        parts: Sequence[Part] | None = None,
        table: DeltaTable | None = None,
    ) -> Scan:
        names = list(spec.schema.names if columns is None else columns)
        unknown = [name for name in names if name not in spec.schema.names]
        if unknown:
            raise ValueError(f"{spec.name}: no columns {unknown} to read; it has {spec.schema.names}")
        wanted = conditions(where or {}, spec.schema, spec.name)
        if parts is None:
            parts = active_files(table or self._log(spec).open(version), wanted)
        filesystem, base = self.storage.open()
        loose = {name: condition for name, condition in wanted.items() if name not in spec.partition_by}
        return Scan(filesystem, f"{base}/{spec.name}", parts, spec.schema, names, loose)

    def _actions(self, spec: TableSpec, files: Sequence[StagedFile]) -> list[Action]:
        """The files as Delta's actions. Raises ValueError where one belongs to another table or is not there as it
        was staged: such a commit would leave a table that cannot be read."""
        filesystem, base = self.storage.open()
        infos = filesystem.get_file_info([f"{base}/{file.path}" for file in files])
        for file, info in zip(files, infos, strict=True):
            if not file.path.startswith(f"{spec.name}/"):
                raise ValueError(f"{spec.name}: {file.path} was staged for another table")
            if info.size != file.size:
                raise ValueError(f"{spec.name}: {file.path} was staged with {file.size} bytes, now has {info.size}")
        return [
            AddAction(
                file.path.removeprefix(f"{spec.name}/"), file.size, file.partition, file.modified_ms, True, file.stats
            )
            for file in files
        ]

    def discard(self, spec: TableSpec, files: Sequence[StagedFile]) -> None:
        """Remove those of the staged files that are in no version: no file ever leaves a table, so what is not in the
        present version is in none."""
        filesystem, base = self.storage.open()
        active = {f"{spec.name}/{file.path}" for file in active_files(self._log(spec).open())}
        for path in {file.path for file in files} - active:
            if filesystem.get_file_info(f"{base}/{path}").type == pafs.FileType.File:
                filesystem.delete_file(f"{base}/{path}")
