"""Commands that are imported when they are called: for the engines behind some, `--help` need not wait."""

import ast
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

_ROOT = Path(__file__).resolve().parents[1]


def lazy(modules: Mapping[str, str], application: Callable[[], typer.Typer]) -> type[TyperGroup]:
    """A group of commands, by name with the module that adds each to the application."""

    class LazyCommands(TyperGroup):
        """Lists every command, and imports the one that is called."""

        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = {name: TyperCommand(name) for name in modules} | dict(self.commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            known = super().get_command(ctx, cmd_name)
            if known is not None and known.callback is None and cmd_name in modules:
                return TyperCommand(cmd_name, help=first_line(modules[cmd_name], cmd_name))
            return known

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and args[0] in modules:
                import_module(modules[args[0]])
                self.commands[args[0]] = get_group(application()).commands[args[0]]
            return super().resolve_command(ctx, args)

    return LazyCommands


def first_line(module: str, command: str) -> str:
    """The first paragraph of what the command says of itself, read from the module's file without importing it."""
    tree = ast.parse(_ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8"))
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for decorator in (node for node in function.decorator_list if isinstance(node, ast.Call)):
            names = [word.value.value for word in decorator.keywords if isinstance(word.value, ast.Constant)]
            if ast.unparse(decorator.func).endswith("app.command") and command in (names or [function.name]):
                return inspect.cleandoc(ast.get_docstring(function) or "").split("\n\n")[0].replace("\n", " ")
    raise LookupError(f"{module} has no command {command!r}; is the table in pipelines/app.py right?")
