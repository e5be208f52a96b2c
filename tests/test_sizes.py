"""A function fits on a screen, a module in a head."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.imports import ROOMS, ROOT

FUNCTION_LINES = 40
MODULE_LINES = 300


def too_long(path: Path) -> Iterator[str]:
    """The module, and those of its functions, that have more lines than they may; docstrings of functions are free."""
    text = path.read_text("utf-8")
    lines = text.count("\n")
    if lines > MODULE_LINES:
        yield f"{path.name}: {lines}"
    if lines > FUNCTION_LINES:
        yield from (
            f"{path.name}:{node.lineno} {node.name}" for node in functions(text) if length(node) > FUNCTION_LINES
        )


def functions(text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a module, inner ones too."""
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from its name to its end."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return lines_of(function) - (lines_of(first) if documented else 0)


def lines_of(node: ast.stmt) -> int:
    """Lines from the first to the last."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("room", ROOMS)
def test_modules_and_functions_are_short(room: str) -> None:
    assert not [place for path in sorted((ROOT / room).rglob("*.py")) for place in too_long(path)]


def test_what_is_too_long_is_noticed(tmp_path: Path) -> None:
    body = '    """Of one,\n    two lines."""\n' + "    x = 1\n" * 39
    (short := tmp_path / "short.py").write_text(f"def short():\n{body}")
    (long := tmp_path / "long.py").write_text(f"def outer():\n{body}    y = 2\n" + "x = 1\n" * 300)
    assert list(too_long(short)) == []
    assert list(too_long(long)) == ["long.py: 343", "long.py:1 outer"]
