"""The type of what JSON holds."""

from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A value as a JSON parser gives it."""
JsonObject: TypeAlias = dict[str, Json]
