"""What an input format is: the promise that each file of this folder makes.

A file is read in two steps. Its *container* (JSON lines, Parquet, tar, ...; `ops/formats/containers`) turns bytes into
raw records and splits the file into shards that are read in parallel. Its *format* says what a record means: it turns
one record into one `Row`, or raises `RowError`. A new format is one file with a `FORMAT`, a new container one file
with a `CONTAINER`; nothing else names them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ops.core.json_values import Fields
from ops.intake.row import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One input format. Its module's docstring is its entry in the docs."""

    name: str
    title: str
    recognise: Callable[[Fields], bool]
    """Whether a record looks like this format: decided from its fields, never from the file's name."""
    parse: Callable[[Fields], Row]
    """The record as a `Row`; raises `RowError`."""
    kinds: tuple[str, ...]
    """Which kinds (`Row.kind`) its rows may be. A row of another kind is a fault of the format, and is not let in."""
    rank: int = 0
    """Among formats that recognise a record the highest rank wins: raise it for a format whose fields are a special
    case of another's."""
    judged_by: frozenset[str] | None = None
    """Fields of which a record has one wherever this format reads a judgement in it; none for a format that reads none.
    Null where any record may hold one. It spares other formats' rows the question."""
