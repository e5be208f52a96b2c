"""Housekeeping: tables are compacted, and what nothing refers to any more gives its room back.

Referred to are the files of each table's present version and of those Delta versions that a kept version of the data
pins. What else lies in a table's folder was taken out of it by a compaction, or was staged by an attempt that died; it
goes when it is older than `age_s`: longer than any reader reads, and than any attempt lasts.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow.fs as pafs

from ops.audits.registry import all_audits
from ops.core.log import Log
from ops.core.schemas import TableSpec
from ops.core.tables import TABLES
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import REMOVED, read_log
from resources.lake.compaction import LEAST_FILES, Compacted, compact
from resources.lake.tables import Lake

AGE_S = 7 * 86_400.0
_SCRATCH = ".scratch"


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed, or would be: files, and their bytes."""

    files: int
    bytes: int


def tables() -> list[TableSpec]:
    """Every table that a lake can have."""
    return [*TABLES.values(), *(audit.table for audit in all_audits().values())]


def compact_all(lake: Lake, *, least: int = LEAST_FILES) -> Compacted:
    """Compacts every table; see `compaction.compact`."""
    done = [compact(lake, spec, least=least) for spec in tables() if lake.version(spec) >= 0]
    return Compacted(sum(d.before for d in done), sum(d.after for d in done), sum(d.doubles for d in done))


def sweep(lake: Lake, *, age_s: float = AGE_S, dry_run: bool = False) -> Swept:
    """Removes the files of tables that nothing refers to, and scratch, that are older than `age_s` seconds."""
    before = time.time() - age_s
    filesystem, base = lake.storage.open()
    doomed = [info for spec in tables() for info in _unreferenced(lake, spec, before, filesystem, base)]
    doomed += _dead_scratch(before, filesystem, f"{base}/{_SCRATCH}")
    if not dry_run:
        for info in doomed:
            filesystem.delete_file(info.path)
    return Swept(len(doomed), sum(info.size for info in doomed))


def pinned_versions(lake: Lake) -> dict[str, set[int]]:
    """The Delta versions that the lake's kept versions pin, by table."""
    pinned: defaultdict[str, set[int]] = defaultdict(set)
    for version in read_log(Log.of(lake.read(VERSIONS))):
        if version.state != REMOVED:
            for table, number in json.loads(version.row["tables"] or "{}").items():
                pinned[table].add(number)
    return dict(pinned)


def _unreferenced(
    lake: Lake, spec: TableSpec, before: float, filesystem: pafs.FileSystem, base: str
) -> Iterator[pafs.FileInfo]:
    # Listed first: what is committed after the listing is referred to when the log is read.
    old = [info for info in _files(filesystem, f"{base}/{spec.name}") if _made(info) < before]
    if not old:
        return
    kept = {part.path for part in lake.parts(spec)}
    for number in pinned_versions(lake).get(spec.name, ()):
        kept.update(part.path for part in lake.parts(spec, version=number))
    prefix = f"{base}/{spec.name}/"
    for info in old:
        inner = info.path.removeprefix(prefix)
        if inner not in kept and info.path.endswith(".parquet") and not inner.startswith("_delta_log/"):
            yield info


def _dead_scratch(before: float, filesystem: pafs.FileSystem, folder: str) -> list[pafs.FileInfo]:
    """The files of those scratch folders in which nothing was written since."""
    by_owner: defaultdict[str, list[pafs.FileInfo]] = defaultdict(list)
    for info in _files(filesystem, folder):
        by_owner[info.path.removeprefix(f"{folder}/").partition("/")[0]].append(info)
    return [info for infos in by_owner.values() if max(map(_made, infos)) < before for info in infos]


def _files(filesystem: pafs.FileSystem, folder: str) -> Iterable[pafs.FileInfo]:
    selector = pafs.FileSelector(folder, allow_not_found=True, recursive=True)
    return [info for info in filesystem.get_file_info(selector) if info.type == pafs.FileType.File]


def _made(info: pafs.FileInfo) -> float:
    return info.mtime.timestamp() if info.mtime is not None else time.time()
