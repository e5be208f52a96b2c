"""The one-way rule. Between the upper rooms `make check` holds it (banned-api in their ruff.toml); between the floors
of a room, and that nothing goes round in a circle, is read from the sources here; that importing `ops` brings in
nothing else is seen from outside, by what a fresh interpreter has loaded."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ops", "resources", "assets", "pipelines")

#: Floors of each room, from the ground: a package imports those below it, and none of its own floor.
FLOORS = {
    "ops": (
        {"core"},
        {"text", "vision", "boxes"},
        {"intake", "evidence", "necessity", "rewards"},
        {"prompts"},
        {"formats", "grounding", "claims", "corpus"},
        {"leaks", "preflight"},
        {"audits"},
        {"decision", "demo"},
        {"gates", "exports"},
        {"report"},
    ),
    "resources": (
        {"config"},
        {"alerts", "storage"},
        {"lake"},
        {"engines", "gates"},
        {"intake", "models"},
        {"measuring", "rewards"},
        {"versions"},
        {"export", "preflight", "report", "status"},
    ),
}

# Imports the modules that are named to it and prints what is loaded.
PROBE = """
import json, sys
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def modules(*folders: str) -> dict[str, Path]:
    """The modules below the folders, by dotted name."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that a file imports, anywhere in it."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {inner if (inner := f"{node.module}.{one.name}") in known else node.module for one in node.names}
        elif isinstance(node, ast.Import):
            named |= {one.name for one in node.names}
    return named & set(known)


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """What each module of the rooms imports of them."""
    known = modules(*ROOMS)
    return {name: imports(path, known) - {name} for name, path in known.items()}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_resolve_inside_the_repository(room: str) -> None:
    module = import_module(room)
    assert [Path(entry).resolve() for entry in module.__path__] == [ROOT / room]


def test_no_import_goes_round_in_a_circle(graph: dict[str, set[str]]) -> None:
    TopologicalSorter(graph).prepare()  # CycleError names the circle


@pytest.mark.parametrize("room", FLOORS)
def test_packages_of_a_room_import_downwards(room: str, graph: dict[str, set[str]]) -> None:
    floor = {package: n for n, packages in enumerate(FLOORS[room]) for package in packages}
    packages = {path.name for path in (ROOT / room).iterdir() if (path / "__init__.py").exists()}
    assert packages == set(floor)
    assert [path.name for path in (ROOT / room).glob("*.py")] == ["__init__.py"]
    upwards = [
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in others
        if (above := name.split(".")[1:2]) and (below := other.split(".")[1:2]) and name.startswith(f"{room}.")
        if other.startswith(f"{room}.") and above != below and floor[below[0]] >= floor[above[0]]
    ]
    assert not upwards


def test_no_test_module_imports_another() -> None:
    known = modules("tests")
    borrowed = {name: [one for one in imports(path, known) if ".test_" in one] for name, path in known.items()}
    assert not {name: others for name, others in borrowed.items() if others}


def loaded_by(names: Iterable[str]) -> set[str]:
    """The packages that a fresh interpreter has loaded once it has imported these modules."""
    command = [sys.executable, "-c", PROBE, *sorted(names)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_ops_loads_no_engine_and_no_room_above_it() -> None:
    barred = {"dagster", "dagster_ray", "ray", "pydantic", "great_expectations", *ROOMS[1:]}
    assert not loaded_by(modules("ops")) & barred


def test_tests_of_ops_load_no_engine() -> None:
    """But for those of `ops.corpus`; pyspark comes with the registry of audits, which has those of a corpus too."""
    quick = {name for name in modules("tests/ops") if not name.startswith("tests.ops.corpus")}
    barred = {"dagster", "dagster_ray", "ray", "torch", "open_clip", "great_expectations", *ROOMS[1:]}
    assert not loaded_by(quick) & barred


def test_pyspark_comes_into_ops_through_corpus_alone() -> None:
    speak_spark, use_corpus = set(), set()
    for path in (ROOT / "ops").rglob("*.py"):
        room, text = path.relative_to(ROOT).parts[1], path.read_text("utf-8")
        if "import pyspark" in text or "from pyspark" in text:
            speak_spark.add(room)
        if "ops.corpus" in text:
            use_corpus.add(room)
    assert speak_spark == {"corpus"}
    assert use_corpus == {"corpus", "audits"}
