"""What a container is: how a file becomes raw records, in shards that are read apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ops.core.json_values import Cell
from ops.intake.drop_files import DropFiles


@dataclass(frozen=True, slots=True)
class Probe:
    """What a container is recognised by: the first bytes of a file (decompressed) and, for texts that could be
    several things, the name without a compression suffix."""

    name: str
    head: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a reader takes before it calls a row or a file hostile."""

    row_bytes: int
    expansion: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A stretch of a file that one task reads. `start` and `stop` are in the container's own unit (bytes of the
    decompressed file, row groups, batches); `row` is the number of the first record."""

    file: str
    start: int
    stop: int
    row: int
    size: int  # bytes, roughly: for balance and progress


@dataclass(frozen=True, slots=True)
class Record:
    """A raw record: its number in the file (from 0), its fields, and its text as it stood in the file where it has
    one. Instead of fields it may have a problem: a reason code and what was seen."""

    row: int
    fields: dict[str, Cell] | None = None
    raw: bytes | None = None
    problem: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container. `split` reads as little as it can; `read` streams."""

    name: str
    title: str
    recognise: Callable[[Probe], bool]
    split: Callable[[DropFiles, str, int, Limits], list[Shard]]
    """(files, file, bytes per shard, limits) -> shards, in order, together the whole file."""
    read: Callable[[DropFiles, Shard, Limits], Iterator[Record]]
    rank: int = 0
