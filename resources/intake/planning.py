"""How a file of a drop is read: its container, its format and the shards that tasks take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ops.core.printable import printable
from ops.formats.containers.contract import Container, Limits, Probe, Record, Shard
from ops.formats.contract import Format
from ops.formats.registry import all_formats, container_of, format_of
from ops.intake.decompression import plain_name
from ops.intake.drop import Manifest
from ops.intake.drop_files import OUTSIDE, UNFIT, DropError, FileInfo
from ops.intake.row import RowError
from resources.intake.context import Context
from resources.lake.scratch import InflatedFiles

_PROBED_RECORDS = 50


@dataclass(frozen=True, slots=True)
class FilePlan:
    """How a file is read; or the problem with it, a reason code and a detail."""

    file: str
    container: str = ""
    format: str = ""
    shards: tuple[Shard, ...] = ()
    problem: tuple[str, str] | None = None


def plan_file(info: FileInfo, context: Context, *, shard_bytes: int) -> FilePlan:
    """Container, format and shards of a file. Whatever a reader raises on a hostile file is a problem of that file."""
    file = info.name
    if info.stamp == OUTSIDE:
        return FilePlan(file, problem=("path_outside_drop", "a link that leaves the drop, or no file at all"))
    if info.stamp == UNFIT:
        return FilePlan(file, problem=("file_name", "this is its name with what is unfit escaped; it was not opened"))
    try:
        container, shards, probed = _opened(file, context, shard_bytes)
    except RowError as problem:
        return FilePlan(file, problem=(problem.reason, printable(problem.detail)))
    except DropError:
        raise
    except Exception as error:
        return FilePlan(file, problem=("file_unreadable", printable(f"{type(error).__name__}: {error}"[:500])))
    named = context.manifest.format_of(file)
    form = all_formats().get(named) if named else _detected(context.manifest, file, probed)
    if form is None and probed:
        fields = ", ".join(sorted(probed[0]))[:200]
        return FilePlan(file, problem=("file_unrecognised", printable(f"{container.title} with the fields {fields}")))
    return FilePlan(file, container.name, form.name if form else next(iter(all_formats())), tuple(shards))


def _opened(
    file: str, context: Context, shard_bytes: int
) -> tuple[Container, Sequence[Shard], list[dict[str, object]]]:
    """The container of a file, its shards, and the fields of its first records."""
    limits = Limits(context.settings.max_row_bytes, context.settings.max_expansion)
    if isinstance(context.files.inflated, InflatedFiles):
        context.files.inflated.keep(context.files, file, expansion=limits.expansion, block_bytes=shard_bytes)
    probe = Probe(plain_name(file), context.files.head(file))
    container = container_of(probe)
    if container is None:
        raise RowError("file_unrecognised", f"starts {probe.head[:40]!r}")
    shards = container.split(context.files, file, shard_bytes, limits)
    records = chain.from_iterable(container.read(context.files, shard, limits) for shard in shards)
    return container, shards, _probed(records)


def _detected(manifest: Manifest, file: str, probed: Sequence[Mapping[str, Any]]) -> Format | None:
    return format_of(probed, ignored=manifest.ignored(file), described=manifest.description_of(file))


def _probed(records: Iterator[Record]) -> list[dict[str, Any]]:
    """The fields of a file's first records. Where the file breaks behind some of them, its shard says so, with these
    read."""
    probed: list[dict[str, Any]] = []
    try:
        for record in islice(records, _PROBED_RECORDS):
            if record.fields:
                probed.append(record.fields)
    except DropError:
        raise
    except Exception:
        if not probed:
            raise
    return probed
