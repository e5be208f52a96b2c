"""The Delta log of a lake table: opening, creating and widening it, listing its files, committing to it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from ops.core.arrow_types import fields, fields_in, member_type, type_in
from ops.core.errors import BusyError, UnusableError
from ops.core.schemas import TableSpec
from resources.config.places import is_address
from resources.lake.conditional_writes import require_conditional_writes
from resources.lake.files import LakeError
from resources.lake.layout import format_of, write_format
from resources.lake.parts import Part
from resources.lake.where import Bounds, Condition, may_hold
from resources.storage.storage import Storage, plain_reason

# A published version must open a year later, so no old log entry is ever cleaned away.
CONFIGURATION: dict[str, str | None] = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.checkpointInterval": "20",
}
ATTEMPTS = 200
Action = AddAction | RemoveAction


@dataclass(frozen=True, slots=True)
class TableLog:
    """The Delta log of one table at `address` (a local path or an object-store address)."""

    address: str
    spec: TableSpec
    storage_options: dict[str, str]

    def open(self, version: int | None = None) -> DeltaTable | None:
        """The table at a version, the last where None; None where it was never written (or the version is -1).

        Raises ValueError for a version that does not exist."""
        if version is not None and version < 0:
            return None
        try:
            return DeltaTable(self.address, version=version, storage_options=self.storage_options)
        except TableNotFoundError:
            if version is None:
                self._look()
                return None
            raise UnusableError(f"{self.spec.name}: version {version} is asked for, but the table is empty") from None
        except OSError as error:
            why = Storage(self.address, self.storage_options).refusal(error)
            raise LakeError(f"{self.spec.name} cannot be read: {why}") from error
        except DeltaError as error:
            if version is None:
                problem = str(error).splitlines()[0]
                fix = "is the store reachable, and the log whole?"
                raise UnusableError(f"the Delta log of {self.address} cannot be read ({problem}): {fix}") from error
            present = DeltaTable(self.address, storage_options=self.storage_options).version()
            raise UnusableError(
                f"{self.spec.name} has no version {version}; the last is {present} ({error})"
            ) from error

    def prepare(self, last: DeltaTable | None) -> DeltaTable:
        """The `last` version, with every column of the spec: creates the table, or adds the columns it lacks.

        Raises ValueError where the table's columns or partitioning contradict the spec."""
        table = last or self._create()
        partition_by = table.metadata().partition_columns
        if partition_by != list(self.spec.partition_by):
            raise UnusableError(
                f"{self.spec.name} at {self.address} is partitioned by {partition_by}, the schema promises "
                f"{list(self.spec.partition_by)}: write to a new lake, or give the table a new name"
            )
        wanted = DeltaSchema.from_arrow(self.spec.schema)
        present = _arrow(table.schema())
        lacking = [
            field
            for field, arrow in zip(wanted.fields, fields(_arrow(wanted)), strict=True)
            if arrow.name not in present.names or not _covers(type_in(present, arrow.name), arrow.type)
        ]
        if not lacking:
            return table
        try:
            table.alter.add_columns(lacking)
        except SchemaMismatchError as error:
            raise UnusableError(
                f"{self.spec.name} at {self.address} holds another type than the schema promises ({error}): "
                "give the column a new name"
            ) from error
        return self.open() or table

    def transact(self, name: str, choose: Callable[[DeltaTable], Sequence[Action] | None]) -> bool:
        """Commit the files that `choose` picks for the present version, under the application transaction `name`.
        False where it picks None. After a conflict `choose` runs again, on what the other writer left.

        LakeError where it is no other writer that stands in the way, such as a full disk."""
        actions: Sequence[Action] | None = None
        if is_address(self.address):
            require_conditional_writes(Storage.at(self.address.rpartition("/")[0], self.storage_options))
        for attempt in range(ATTEMPTS):
            last = self.open()
            try:
                table = self.prepare(last)
                # A commit may land and yet be reported as failed (an object store's lost reply).
                if actions and _landed(table, actions):
                    return True
                actions = choose(table)
                if actions is None:
                    return False
                self._append(table, actions, name)
            except CommitFailedError as error:
                # A race is lost to somebody: where nobody has committed, this error will come again.
                if not self._has_moved(last):
                    raise self._refusal(error) from error
                time.sleep(min(0.005 * (attempt + 1), 0.25))
            except OSError as error:
                raise self._refusal(error) from error
            else:
                return True
        raise BusyError(f"{self.spec.name}: {ATTEMPTS} commits in a row lost to other writers; run it again")

    def _append(self, table: DeltaTable, actions: Sequence[Action], name: str) -> None:
        number = (table.transaction_version(name) or 0) + 1
        table.create_write_transaction(
            list(actions),
            "append",
            table.schema(),
            list(self.spec.partition_by),
            commit_properties=CommitProperties(app_transactions=[Transaction(name, number)]),
        )

    def _has_moved(self, last: DeltaTable | None) -> bool:
        now = self.open()
        return now is not None and (last is None or now.version() > last.version())

    def _refusal(self, error: Exception) -> LakeError:
        return LakeError(
            f"{self.spec.name} at {self.address}: the commit failed: {plain_reason(error)}. See to the storage "
            "(room, permissions, reachable) and run again; what is committed stays"
        )

    def _look(self) -> None:
        """LakeError where the table's folder cannot be looked into: what one may not see is not empty."""
        if is_address(self.address):
            return
        try:
            os.stat(self.address)
        except FileNotFoundError:
            return
        except OSError as error:
            raise LakeError(f"{self.spec.name} at {self.address}: {error.strerror}; let this user read it") from error

    def _create(self) -> DeltaTable:
        storage = Storage.at(self.address.rpartition("/")[0], self.storage_options)
        try:
            if format_of(storage) is None:
                write_format(storage)
            return DeltaTable.create(
                self.address,
                DeltaSchema.from_arrow(self.spec.schema),
                mode="ignore",
                partition_by=list(self.spec.partition_by),
                name=self.spec.name,
                configuration=CONFIGURATION,
                storage_options=self.storage_options,
            )
        except (DeltaError, OSError) as error:
            # Another process may have created it in between.
            table = self.open()
            if table is None:
                raise self._refusal(error) from error
            return table


def active_files(table: DeltaTable | None, wanted: Mapping[str, Condition] | None = None) -> list[Part]:
    """The files of the table's loaded version that may hold rows that meet the conditions, going by their partitions
    and statistics, in the order of their paths."""
    actions = pa.table(table.get_add_actions(flatten=True)) if table is not None else None
    if table is None or actions is None or not actions.num_rows:
        return []
    names = table.metadata().partition_columns
    bounds = {name: _bounds(actions, name, partitioned=name in names) for name in wanted or {}}
    chosen = [
        n
        for n in range(actions.num_rows)
        if may_hold(wanted or {}, {name: each for name, column in bounds.items() if (each := column[n]) is not None})
    ]
    columns = ["path", "size_bytes", "num_records", *(f"partition.{name}" for name in names)]
    files = [
        # The log holds paths percent-encoded; `file_uris()` of deltalake 1.6.6 decodes them once too often where a
        # folder's own name has a percent sign.
        Part(
            unquote(row["path"]),
            row["size_bytes"],
            row["num_records"],
            {name: row[f"partition.{name}"] for name in names},
        )
        for row in actions.select(columns).take(pa.array(chosen, pa.int64())).to_pylist()
    ]
    return sorted(files, key=lambda file: file.path)


def removals(parts: Sequence[Part]) -> list[RemoveAction]:
    """Takes the files, whole ones, out of the present version; they stay in those before, and on storage."""
    now_ms = time.time_ns() // 1_000_000
    return [
        RemoveAction(
            part.path, False, now_ms, part.size, {name: _text(value) for name, value in part.partition.items()}
        )
        for part in parts
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _landed(table: DeltaTable, actions: Sequence[Action]) -> bool:
    added = {action.path for action in actions if isinstance(action, AddAction)}
    return bool(added) and added <= {file.path for file in active_files(table)}


def _bounds(actions: pa.Table, name: str, *, partitioned: bool) -> list[Bounds | None]:
    """Bounds of a column in each file; None where the log does not say."""
    if partitioned:
        values = actions[f"partition.{name}"].to_pylist()
        return [Bounds(value, value, int(value is None)) for value in values]
    if f"null_count.{name}" not in actions.column_names:
        return [None] * actions.num_rows
    rows, nulls = actions["num_records"].to_pylist(), actions[f"null_count.{name}"].to_pylist()
    unknown: list[Any] = [None] * actions.num_rows
    low, high = (
        actions[f"{end}.{name}"].to_pylist() if f"{end}.{name}" in actions.column_names else unknown
        for end in ("min", "max")
    )
    return [
        Bounds(least, greatest, empty or 0) if least is not None or empty == count else None
        for least, greatest, empty, count in zip(low, high, nulls, rows, strict=True)
    ]


def _arrow(schema: DeltaSchema) -> pa.Schema:
    return pa.schema(schema.to_arrow())  # pyright: ignore[reportArgumentType]


def _covers(present: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column of type `present` can hold all of `wanted`; a struct may have more fields than asked for."""
    if isinstance(present, pa.StructType) and isinstance(wanted, pa.StructType):
        return all(
            place >= 0 and _covers(fields_in(present)[place].type, field.type)
            for field in fields_in(wanted)
            for place in [present.get_field_index(field.name)]
        )
    if pa.types.is_list(present) and pa.types.is_list(wanted):
        return _covers(member_type(present), member_type(wanted))
    return present.equals(wanted)
