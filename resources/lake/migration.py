"""A lake of older code is brought into the present format: rows are copied into the tables that are new, and the format
is named last. Killed half-way it is run again; nothing that a version pins is touched."""

from collections.abc import Callable

import pyarrow as pa

from ops.core.arrow_types import fields
from ops.core.log import Log
from ops.core.measure_schemas import MEASURES_GATES
from ops.core.schemas import DROP_FILES, DROPS, TableSpec
from resources.lake.commit import TableLog
from resources.lake.layout import FORMAT, format_of, write_format
from resources.lake.tables import Lake

_COUNTS = pa.struct([field for field in fields(DROP_FILES.schema) if field.name != "delivery"])
_OLD_DROPS = TableSpec("drops", pa.schema([*fields(DROPS.schema), pa.field("files", pa.list_(_COUNTS))]))
_OLD_GATES = TableSpec("measures_gates", MEASURES_GATES.schema, ("delivery",))


class _OldLake(Lake):
    """A lake that is read whatever its format."""

    def _log(self, spec: TableSpec) -> TableLog:
        return self._table(spec)


def migrate(lake: Lake) -> list[str]:
    """Brings the lake to the present format; returns what was done, nothing where it has it. UnusableError where newer
    code wrote it."""
    present = format_of(lake.storage)
    if present is None or present >= FORMAT:
        lake.version(DROPS)  # refuses what is newer
        return []
    old = _OldLake(lake.root, lake.storage.options)
    done = [f"{label}: {rows} rows" for label, step in _STEPS.items() if (rows := step(old))]
    write_format(lake.storage)
    return [*done, f"format {present} is now {FORMAT}"]


def _drop_files(lake: Lake) -> int:
    """The counts of files out of the log of `drops`, where each row of a delivery repeated them."""
    rows: list[dict[str, object]] = []
    for delivery, first in Log.of(lake.read(_OLD_DROPS)).first_by("delivery").items():
        rows += [{**count, "delivery": delivery} for count in first["files"] or ()]
    return _write(lake, DROP_FILES, pa.Table.from_pylist(rows, schema=DROP_FILES.schema))


def _gate_outcomes(lake: Lake) -> int:
    """The outcomes of gates out of a table that had a file a delivery."""
    return _write(lake, MEASURES_GATES, lake.read(_OLD_GATES))


def _write(lake: Lake, spec: TableSpec, rows: pa.Table) -> int:
    return rows.num_rows if lake.write(spec, rows, partition={}, once="migrated from format 1") else 0


_STEPS: dict[str, Callable[[Lake], int]] = {
    f"{DROP_FILES.name}, from the log of drops": _drop_files,
    f"{MEASURES_GATES.name}, from {_OLD_GATES.name}": _gate_outcomes,
}
