"""The commands that the command line has."""

import typer


def commands_of(application: typer.Typer) -> set[str]:
    """The names of an application's commands, with those of its groups."""
    names = {info.name or str(getattr(info.callback, "__name__", "")) for info in application.registered_commands}
    for group in application.registered_groups:
        assert group.typer_instance is not None
        names |= {f"{group.name} {name}" for name in commands_of(group.typer_instance)}
    return names
