"""The types of what JSON holds, and of what the fields of delivered rows hold."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A value as a JSON parser gives it."""
JsonObject: TypeAlias = dict[str, Json]
Cell: TypeAlias = "Mapping[str, Cell] | Sequence[Cell] | str | bytes | int | float | bool | date | Decimal | None"
"""A value as a file of rows gives it: of JSON, of a column of Arrow, of a part of a shard."""
Fields: TypeAlias = Mapping[str, Cell]
"""A delivered row by the names of its fields."""


def fields_of(value: Cell) -> Fields:
    """The value's fields; none where it is no object."""
    return value if isinstance(value, Mapping) else {}


def items_of(value: Cell) -> Sequence[Cell]:
    """The value's items; none where it is no list."""
    return value if isinstance(value, list | tuple) else ()


def texts_of(value: Cell) -> list[str] | None:
    """The value's texts; None where it is no list of texts."""
    if not isinstance(value, list | tuple):
        return None
    texts = [item for item in value if isinstance(item, str)]
    return texts if len(texts) == len(value) else None
