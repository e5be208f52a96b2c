"""The commands that the command line has."""

import typer
from typer.core import TyperGroup
from typer.main import get_group


def commands_of(application: typer.Typer) -> set[str]:
    """The names of an application's commands, with those of its groups."""
    return _names(get_group(application), "")


def _names(group: TyperGroup, prefix: str) -> set[str]:
    names: set[str] = set()
    for name, command in group.commands.items():
        names |= _names(command, f"{prefix}{name} ") if isinstance(command, TyperGroup) else {f"{prefix}{name}"}
    return names
