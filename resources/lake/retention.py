"""Retention: versions that nobody needs any more give their room back; what a kept version needs is never touched.

A version is a membership table over rows that all versions share, so what is removed are its verdicts, its members and
its order. Examples, images, embeddings and measures stay: they are what any version can be made from again.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from ops.core.errors import BusyError, UnusableError
from ops.core.log import Log, Row, successor
from ops.core.schemas import TableSpec
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS, VERSIONS
from ops.decision.versions import REMOVED, read_log
from resources.lake.files import LakeError
from resources.lake.tables import Lake
from resources.storage.storage import plain_reason

_TABLES = (VERDICTS, CURATED, CURRICULUM)
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """What was removed, or with `dry_run` would be: the versions, and how many files of theirs."""

    versions: list[int]
    files: int


def vacuum(
    lake: Lake, *, keep_last: int, keep: Collection[int] = (), grace_s: float = 86_400, dry_run: bool = False
) -> Vacuumed:
    """Remove the rows of versions that are not kept.

    Kept are the current version, the `keep_last` newest published ones, those in `keep`, and candidates younger than
    `grace_s` seconds, which a run may be about to publish. A removed version stays in the log as `removed`: its number
    is never given again.
    """
    if keep_last < 0:
        raise UnusableError(f"keep_last must be 0 or more, but is {keep_last}")
    known = read_log(Log.of(lake.read(VERSIONS)))
    published = [version.number for version in known if version.state == "published"]
    kept = {*keep, *(published[-keep_last:] if keep_last else [])}
    now = datetime.now(UTC)
    doomed = [
        version.number
        for version in known
        if version.number not in kept and not version.current and version.state != REMOVED
        if version.state != "candidate" or (now - version.at).total_seconds() > grace_s
    ]
    # What an earlier vacuum announced and did not finish belongs to this one.
    gone = [version.number for version in known if version.state == REMOVED]
    files = sum(len(lake.files(spec, where={"version": [*doomed, *gone]})) for spec in _TABLES)
    if dry_run or not files:
        return Vacuumed(doomed, files)
    removed = _mark(lake, doomed)
    for spec in _TABLES:
        _remove(lake, spec, [*removed, *gone])
    return Vacuumed(removed, files)


def _mark(lake: Lake, doomed: list[int]) -> list[int]:
    """Say in the log that they are gone, before they are: a crash in between leaves rows that no version claims. One
    that has become current in the meantime stays."""

    def rows(log: Log) -> list[Row]:
        gone = [version for version in read_log(log) if version.number in doomed and not version.current]
        return [successor(version.row, state=REMOVED, at=datetime.now(UTC)) for version in gone]

    return [row["version"] for row in lake.log(VERSIONS, rows)]


def _remove(lake: Lake, spec: TableSpec, removed: list[int]) -> None:
    for attempt in range(_ATTEMPTS):
        version = lake.version(spec)
        try:
            table = DeltaTable(f"{lake.root}/{spec.name}", storage_options=lake.storage_options)
            table.delete(f"version IN ({', '.join(map(str, removed))})")
            # Only files that the log says were removed: others may belong to a writer that has yet to commit.
            table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=False)
        except TableNotFoundError:
            return
        except OSError as error:
            raise LakeError(f"{spec.name} at {lake.root}: vacuum failed: {plain_reason(error)}") from error
        except CommitFailedError as error:
            # A race is lost to somebody: where nobody has committed, this error will come again.
            if lake.version(spec) == version:
                raise LakeError(f"{spec.name} at {lake.root}: vacuum failed: {plain_reason(error)}") from error
            time.sleep(0.05 * (attempt + 1))
        else:
            return
    raise BusyError(f"{spec.name}: other writers kept the table busy; run vacuum again")
