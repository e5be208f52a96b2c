"""Logs: tables that are only appended to. Each row says what came next, in the order of its `sequence`."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pyarrow as pa

SEQUENCE = "sequence"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """The rows of a log, or some of them, in their order."""

    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, table: pa.Table) -> "Log":
        """From a table as it was read; files may come in any order."""
        return cls(tuple(sorted(table.to_pylist(), key=itemgetter(SEQUENCE))))

    @property
    def last(self) -> Row | None:
        """The row that came last; None where there is none."""
        return self.rows[-1] if self.rows else None

    def where(self, **values: Any) -> "Log":
        """The rows that have these values."""
        return Log(tuple(row for row in self.rows if all(row[name] == value for name, value in values.items())))

    def first_by(self, column: str) -> dict[Any, Row]:
        """The first row of each value of the column, in the order in which the values came."""
        firsts: dict[Any, Row] = {}
        for row in self.rows:
            firsts.setdefault(row[column], row)
        return firsts

    def last_by(self, column: str) -> dict[Any, Row]:
        """The last row of each value of the column, its present state, in the order in which the values first came."""
        return {row[column]: row for row in self.rows}

    def newest_by(self, column: str, most: int) -> list[Row]:
        """The last row of each value of the column, the newest first, at most so many."""
        return sorted(self.last_by(column).values(), key=itemgetter(SEQUENCE), reverse=True)[:most]


def successor(row: Mapping[str, Any], **changes: Any) -> Row:
    """A row to append that says the same but for the changes; the lake gives it a place of its own."""
    return {name: value for name, value in row.items() if name != SEQUENCE} | changes
