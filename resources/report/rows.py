"""Rows of tables as the plain values that a report shows."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

Figures = TypeVar("Figures")


def from_row(kind: type[Figures], row: Mapping[str, object], **given: object) -> Figures:
    """The dataclass `kind` with the columns that are called as its fields, but for those given. A null is an empty text
    or 0 where the field is a text or a count."""
    values = dict(given)
    for field in fields(kind):  # pyright: ignore[reportArgumentType]
        if field.name not in given and field.name in row:
            value = row[field.name]
            values[field.name] = field.type() if value is None and field.type in (str, int) else value
    return kind(**values)
