"""Names say what a thing is. A pronoun or a bare participle does not, and cannot be searched for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.imports import ROOMS, ROOT

PRONOUNS = {"one", "here", "what", "shown", "told", "said", "found", "seen", "it"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def pronouns(path: Path) -> Iterator[str]:
    """Where a module gives a pronoun as a name, but for comprehensions of one line."""
    tree = ast.parse(path.read_text("utf-8"))
    short = [node for node in ast.walk(tree) if isinstance(node, _COMPREHENSIONS) and node.lineno == node.end_lineno]
    exempt = {id(name) for node in short for part in node.generators for name in ast.walk(part.target)}
    for node in ast.walk(tree):
        name = "" if id(node) in exempt else given_name(node)
        if name.lstrip("_").lower() in PRONOUNS:
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} {name}"


def given_name(node: ast.AST) -> str:
    """The name that the node binds; empty where it binds none."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.alias(asname=str(name)):
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case (
            ast.Attribute(attr=name, ctx=ast.Store()) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name))
        ):
            return name
        case _:
            return ""


@pytest.mark.parametrize("room", [*ROOMS, "tests", "benchmarks"])
def test_names_are_no_pronouns(room: str) -> None:
    assert not [place for path in sorted((ROOT / room).rglob("*.py")) for place in pronouns(path)]


def test_a_pronoun_is_noticed_wherever_a_name_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    module = tmp_path / "module.py"
    module.write_text(
        "def _told(it): ...\nself.seen = 1\nfor what in (): ...\ntry: ...\nexcept OSError as said: ...\n"
        "[one for one in ()]\n[\n    one\n    for one in ()\n]\nclass Here: ...\n"
    )
    assert sorted(pronouns(module)) == [
        "module.py:1 _told",
        "module.py:1 it",
        "module.py:11 Here",
        "module.py:2 seen",
        "module.py:3 what",
        "module.py:5 said",
        "module.py:9 one",
    ]
