"""Dataclasses of settings from located values: pydantic checks, and its errors are told with file, line and fix.

What pydantic does not know and stands here: the line of a value, the key that a misspelt one may have meant, and that a
section with nothing in it is a section of defaults.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ops.core.json_values import Json, JsonObject
from ops.decision.policy import suggestion
from resources.config.located_yaml import Located, Path, SettingsError, not_a_mapping, shortened

#: Of a dataclass that is read from YAML (by pydantic's `with_config`); those among its fields inherit it.
STRICT = ConfigDict(strict=True, extra="forbid")

Tree = TypeVar("Tree")


def validated(located: Located, path: Path, kind: type[Tree], values: JsonObject) -> Tree:
    """The dataclass `kind`, or a tree of them, from the mapping at `path`. Raises SettingsError."""
    try:
        # JSON's strictness is what a YAML author expects: 1 is no text, "1" no number, a list fits a tuple.
        return _adapter(kind).validate_json(json.dumps(_filled(kind, values)))
    except ValidationError as error:
        raise _settings_error(located, path, kind, error.errors(include_url=False)) from None


def require_known(located: Located, path: Path, names: Iterable[str], known: Iterable[str], noun: str = "key") -> None:
    """SettingsError for the first of the names below `path` that is not known."""
    listed = list(known)
    for name in names:
        if name not in listed:
            raise located.error((*path, name), f"unknown {noun}; {suggestion(name, listed)}")


@cache
def _adapter(kind: type[Tree]) -> TypeAdapter[Tree]:
    return TypeAdapter(kind)


def _field_types(kind: type) -> dict[str, type]:
    return {field.name: cast(type, field.type) for field in fields(kind)}


def _filled(kind: type, values: Json) -> Json:
    """The values with an empty mapping for each dataclass that has a key and nothing else."""
    if not isinstance(values, dict):
        return values
    inner = {name: type_ for name, type_ in _field_types(kind).items() if is_dataclass(type_)}
    return {
        name: _filled(inner[name], {} if value is None else value) if name in inner else value
        for name, value in values.items()
    }


def _settings_error(located: Located, path: Path, kind: type, errors: Sequence[ErrorDetails]) -> SettingsError:
    """The first of pydantic's errors as ours; a key that nothing reads comes before what is then lacking."""
    first = next((error for error in errors if error["type"] == "unexpected_keyword_argument"), errors[0])
    location = located.known_part(path, first["loc"])
    match first["type"]:
        case "unexpected_keyword_argument":
            *parents, name = (str(step) for step in first["loc"])
            for step in parents:
                kind = _field_types(kind)[step]
            return located.error(location, f"unknown key; {suggestion(name, list(_field_types(kind)))}")
        case "missing":
            parent = first["loc"][:-1]
            absent = [str(e["loc"][-1]) for e in errors if e["type"] == "missing" and e["loc"][:-1] == parent]
            return located.error(location, f"lacks {', '.join(absent)}")
        case "dataclass_type":
            return located.error(location, not_a_mapping(first["input"]))
        case "value_error":
            return located.error(location, str(first.get("ctx", {})["error"]))
        case _:
            message = first["msg"][:1].lower() + first["msg"][1:]
            return located.error(location, f"{message}, but is {shortened(first['input'])}")
