"""What the modules of the four rooms import of each other, read from their sources, and the drawing of it in
docs/architecture.md: `python -m tests.support.imports docs/architecture.md` draws it, and counts the figures, anew."""

import ast
import re
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ops", "resources", "assets", "pipelines")
DRAWN = ("ops", "resources")
"""Rooms that are divided into packages."""

Graph = dict[str, set[str]]
"""What each module, or package, imports."""


def modules(*folders: str) -> dict[str, Path]:
    """The modules below the folders, by dotted name."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that a file imports, anywhere in it."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            named |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return named & set(known)


@cache
def module_graph() -> Graph:
    """What each module of the rooms imports of them."""
    known = modules(*ROOMS)
    return {name: imports(path, known) - {name} for name, path in known.items()}


def package_graph() -> Graph:
    """The same of their packages: `ops.core`, `resources.lake`, and the rooms that have none."""
    graph: Graph = {}
    for name, others in module_graph().items():
        if package := _package(name):
            graph.setdefault(package, set()).update({_package(other) for other in others} - {"", package})
    return graph


def _package(name: str) -> str:
    room, _, rest = name.partition(".")
    return room if room not in DRAWN else f"{room}.{rest.partition('.')[0]}" if rest else ""


def drawing(room: str) -> str:
    """The packages of a room as a Mermaid flowchart, without the arrows that a longer way says too."""
    graph = {package: {o for o in others if o.startswith(f"{room}.")} for package, others in package_graph().items()}
    arrows = [
        f"  {package.partition('.')[2]} --> {other.partition('.')[2]}"
        for package, others in graph.items()
        if package.startswith(f"{room}.")
        for other in others
        if not any(other in _below(graph, between) for between in others - {other})
    ]
    return "\n".join(["```mermaid", "flowchart TD", *sorted(arrows), "```"])


def _below(graph: Graph, package: str) -> set[str]:
    """All that a package imports, however far down."""
    reached: set[str] = set()
    waiting = [package]
    while waiting:
        beneath = graph.get(waiting.pop(), set()) - reached
        reached |= beneath
        waiting += beneath
    return reached


def longest_chain(graph: Graph) -> int:
    """How many members the longest chain of imports has. CycleError where one goes round in a circle."""
    length: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        length[name] = 1 + max((length[other] for other in graph.get(name, ())), default=0)
    return max(length.values())


def figures() -> dict[str, str]:
    """The figures of the four rooms, by what the table in docs/architecture.md calls them."""
    texts = [path.read_text("utf-8") for path in modules(*ROOMS).values()]
    lengths = [len(text.splitlines()) for text in texts]
    silenced = sum(re.search(r"^# pyright:", text, re.MULTILINE) is not None for text in texts)
    return {
        "modules, lines": f"{len(texts)}, {sum(lengths):,}",
        "modules over 300 lines, the longest": f"{sum(length > 300 for length in lengths)}, {max(lengths)}",
        "packages": str(sum(path.name == "__init__.py" for path in modules(*ROOMS).values())),
        "longest chain of imports: of modules, of packages": (
            f"{longest_chain(module_graph())}, {longest_chain(package_graph())}"
        ),
        "the word `Any`": str(sum(len(re.findall(r"\bAny\b", text)) for text in texts)),
        "modules with a switch that silences the type checker": str(silenced),
    }


def with_drawings(page: str) -> str:
    """The page with the drawing of each room made anew, where it stands after the room's name."""
    for room in DRAWN:
        page = _replaced(rf"(?ms)^(`{room}`[^\n]*:\n\n)```mermaid\n.*?\n```", drawing(room), page)
    return page


def with_figures(page: str) -> str:
    """The page with the last column of the table of figures made anew."""
    for name, figure in figures().items():
        page = _replaced(rf"(?m)^(\| {re.escape(name)} \| [^|]* \|)[^|]*\|$", f" {figure} |", page)
    return page


def _replaced(pattern: str, text: str, page: str) -> str:
    """The page with the text in place of what the pattern matches behind its group."""
    return re.sub(pattern, lambda match: match[1] + text, page)


if __name__ == "__main__":
    drawn = Path(sys.argv[1])
    drawn.write_text(with_figures(with_drawings(drawn.read_text("utf-8"))), "utf-8")
