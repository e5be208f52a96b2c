"""The one-way rule. Between the upper rooms `make check` holds it (banned-api in their ruff.toml); between the floors
of a room, and that nothing goes round in a circle, is read from the sources here; that importing `ops` brings in
nothing else is seen from outside, by what a fresh interpreter has loaded."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.imports import (
    DRAWN,
    ROOMS,
    ROOT,
    Graph,
    drawing,
    imports,
    longest_chain,
    module_graph,
    modules,
    package_graph,
    with_drawings,
    with_figures,
)

#: Floors of each room, from the ground: a package imports those below it, and none of its own floor.
FLOORS = {
    "ops": (
        {"core"},
        {"text", "vision", "boxes", "checkpoints", "chances"},
        {"intake", "evidence", "necessity", "rewards"},
        {"prompts"},
        {"formats", "grounding", "claims", "corpus"},
        {"leaks", "preflight"},
        {"audits"},
        {"decision", "demo"},
        {"canaries"},
        {"gates", "exports", "review"},
        {"report"},
    ),
    "resources": (
        {"config"},
        {"alerts", "storage"},
        {"lake"},
        {"engines", "gates", "lineage"},
        {"intake", "models"},
        {"measuring", "rewards", "checkpoints"},
        {"versions"},
        {"export", "preflight", "report", "status"},
        {"review"},
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


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_resolve_inside_the_repository(room: str) -> None:
    module = import_module(room)
    assert [Path(entry).resolve() for entry in module.__path__] == [ROOT / room]


@pytest.mark.parametrize("graph", [module_graph, package_graph], ids=["modules", "packages"])
def test_no_import_goes_round_in_a_circle(graph: Callable[[], Graph]) -> None:
    assert longest_chain(graph()) > 1  # CycleError names the circle


def test_the_drawing_in_the_docs_is_current() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert all(drawing(room) in page for room in DRAWN), "python -m tests.support.imports docs/architecture.md"


def test_the_drawing_and_the_figures_are_made_anew_where_they_stand() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    old = page.replace("  boxes --> core\n", "").replace("  status --> versions\n", "  status --> lake\n")
    old = re.sub(r"(?m)^(\| packages \| \d+ \|) \d+ \|$", r"\1 3 |", old)
    assert old != page
    assert with_figures(with_drawings(old)) == with_figures(with_drawings(page))


@pytest.mark.parametrize("room", FLOORS)
def test_packages_of_a_room_import_downwards(room: str) -> None:
    floor = {package: n for n, packages in enumerate(FLOORS[room]) for package in packages}
    packages = {path.name for path in (ROOT / room).iterdir() if (path / "__init__.py").exists()}
    assert packages == set(floor)
    assert [path.name for path in (ROOT / room).glob("*.py")] == ["__init__.py"]
    upwards = [
        f"{name} -> {other}"
        for name, others in module_graph().items()
        for other in others
        if (above := name.split(".")[1:2]) and (below := other.split(".")[1:2]) and name.startswith(f"{room}.")
        if other.startswith(f"{room}.") and above != below and floor[below[0]] >= floor[above[0]]
    ]
    assert not upwards


def test_no_test_module_imports_another() -> None:
    known = modules("tests")
    borrowed = {name: [other for other in imports(path, known) if ".test_" in other] for name, path in known.items()}
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


@pytest.mark.full
def test_tests_of_ops_load_no_engine() -> None:
    """But for those of `ops.corpus`; pyspark comes with the registry of audits, which has those of a corpus too."""
    quick = {name for name in modules("tests/ops") if not name.startswith("tests.ops.corpus")}
    barred = {"dagster", "dagster_ray", "ray", "torch", "open_clip", "great_expectations", *ROOMS[1:]}
    assert not loaded_by(quick) & barred


@pytest.mark.full
def test_definitions_load_no_engine() -> None:
    """The UI loads them in three seconds; PySpark comes with the registry of audits."""
    assert not loaded_by({"pipelines.definitions"}) & {"ray", "torch", "open_clip", "great_expectations"}


def test_tests_of_ops_use_spark_for_corpus_alone() -> None:
    tests = ROOT / "tests" / "ops"
    speaking = {
        path.relative_to(tests).parts[0] for path in tests.rglob("*.py") if "pyspark" in path.read_text("utf-8")
    }
    assert speaking == {"corpus"}


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
