"""Parts of a table: what a driver hands to workers in place of rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a table, or a share of it: the row groups that begin at rows `first` to `stop` (all where None).

    `path` is relative to the table's folder as it lies on storage, `size` in bytes and `rows` are those of the share,
    of one that is not the whole file nearly: row groups are not cut. The parts of a file have its rows exactly, and
    each row once. `partition` holds the values of its partition in the columns' types. Plain values, so that it can be
    pickled; whoever reads it reads the version that it was taken from."""

    path: str
    size: int
    rows: int
    partition: dict[str, Any]
    first: int = 0
    stop: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all of the file."""
        return self.first == 0 and self.stop is None


def split(parts: Iterable[Part], rows: int) -> Iterator[Part]:
    """The parts, whole files, in shares of at most about so many rows, in their order."""
    for part in parts:
        count = max(1, -(-part.rows // rows))
        cuts = [part.rows * n // count for n in range(count + 1)]
        for first, stop in pairwise(cuts):
            if count == 1:
                yield part
            else:
                yield replace(part, size=part.size // count, rows=stop - first, first=first, stop=stop)
