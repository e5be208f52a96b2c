"""Compaction: many small files of a partition become few of up to 256 MB, and rows stored twice by content one.

Files are merged by size, small with small, so that a night's merging costs what is new and not what is there. Whoever
reads an earlier version goes on to read the files that it names: they leave the table, not the storage.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from ops.core.schemas import TableSpec
from resources.lake.files import FILE_BYTES
from resources.lake.lookup import by_key
from resources.lake.parts import Part
from resources.lake.staged import StagedFile
from resources.lake.tables import Lake
from resources.lake.where import Between

LEAST_FILES = 8
"""Files of like size from which on they are merged: what a reader of a partition has to bear at most, nearly."""
LIKE = 4.0
"""A file is merged with smaller ones that are together at least a fourth of it."""
_HEX = 1 << 16
_BATCH_ROWS = 1 << 16
Group = Sequence[Part]


@dataclass(frozen=True, slots=True)
class Merged:
    """A group of files and those written in their place, with the number of doubles that were left out."""

    group: Group
    staged: tuple[StagedFile, ...]
    doubles: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did to a table: files before and after, and doubles removed."""

    before: int
    after: int
    doubles: int


def compact(
    lake: Lake,
    spec: TableSpec,
    *,
    least: int = LEAST_FILES,
    like: float = LIKE,
    run: Callable[[Callable[[Group], Merged], Sequence[Group]], Iterable[Merged]] = map,
) -> Compacted:
    """Merges the table's small files, where there are `least` of like size in a partition. `run` maps over the groups:
    with Ray they are merged by workers."""
    before = after = doubles = 0
    # Files of keys are merged whatever they come to, and cut anew by ranges of keys.
    chosen = groups(lake.parts(spec), least, like, None if spec.key else FILE_BYTES)
    for merged in run(_Merge(lake, spec), chosen):
        if lake.replace(spec, merged.group, merged.staged):
            before += len(merged.group)
            after += len(merged.staged)
            doubles += merged.doubles
    return Compacted(before, after, doubles)


def groups(parts: Iterable[Part], least: int, like: float = LIKE, most_bytes: int | None = FILE_BYTES) -> list[Group]:
    """The files to merge with each other, of one partition, at most `most_bytes` a group, in the order of paths."""
    partitions: defaultdict[tuple[object, ...], list[Part]] = defaultdict(list)
    for part in parts:
        partitions[tuple(part.partition.values())].append(part)
    return [group for files in partitions.values() for group in _of_like_size(files, least, like, most_bytes)]


def _of_like_size(files: list[Part], least: int, like: float, most_bytes: int | None) -> Iterator[Group]:
    group: list[Part] = []
    size = 0
    for part in sorted(files, key=lambda part: part.size):
        too_large = most_bytes is not None and size + part.size > most_bytes
        if group and (too_large or part.size > like * size):
            if len(group) >= least:
                yield sorted(group, key=lambda part: part.path)
            group, size = [], 0
        group.append(part)
        size += part.size
    if len(group) >= least:
        yield sorted(group, key=lambda part: part.path)


@dataclass(frozen=True, slots=True)
class _Merge:
    """Merges a group, in any process."""

    lake: Lake
    spec: TableSpec

    def __call__(self, group: Group) -> Merged:
        lake, spec, partition = self.lake, self.spec, dict(group[0].partition)
        rows: Iterable[pa.RecordBatch] | pa.Table = lake.batches(spec, parts=group)
        if spec.key:
            rows = self._in_order(group)
        # The prefix keeps a log's files in the order of its rows.
        prefix = f"{group[0].path.rpartition('/')[2].partition('-')[0]}-"
        staged = lake.stage(spec, rows, partition, prefix=prefix)
        doubles = sum(part.rows for part in group) - sum(file.rows for file in staged)
        if doubles and not spec.key:
            raise RuntimeError(f"{spec.name}: {len(group)} files have {doubles} rows more than what was made of them")
        return Merged(group, tuple(staged), doubles)

    def _in_order(self, group: Group) -> Iterator[pa.RecordBatch]:
        """The rows in the order of their key, one of each, a range of keys that fits into memory after the other: so a
        file of many holds few of the ids that there can be, and whoever seeks one passes over the others."""
        key = self.spec.key
        count = max(1, sum(part.size for part in group) // FILE_BYTES)
        # Keys are hashes: ranges of equal width hold about as many.
        cuts = [f"{_HEX * n // count:04x}" for n in range(1, count)]
        for low, high in pairwise([None, *cuts, None]):
            rows = self.lake.read(self.spec, parts=group, where={key: Between(low, high)} if cuts else None)
            if high is not None:
                rows = rows.filter(pc.field(key) != high)  # the next range has it
            yield from by_key(rows, key).to_batches(max_chunksize=_BATCH_ROWS)
