"""The one-way rule, seen from outside: what a fresh interpreter has loaded after importing a room."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ops", "resources", "assets", "pipelines")

# Imports every module of the packages named, skipping those whose name starts with `skip`, and prints what is loaded.
PROBE = """
import json, sys
from importlib import import_module
from pkgutil import walk_packages
room, skip = sys.argv[1], sys.argv[2]
for module in walk_packages(import_module(room).__path__, f"{room}."):
    if not (skip and module.name.startswith(skip)):
        import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""


def loaded_after(room: str, *, skip: str = "") -> set[str]:
    """Top-level names of the modules loaded once every module of the room is imported."""
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, room, skip], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return {name.split(".")[0] for name in json.loads(ran.stdout.splitlines()[-1])}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_resolve_inside_the_repository(room: str) -> None:
    module = import_module(room)
    assert [Path(entry).resolve() for entry in module.__path__] == [ROOT / room]


def test_ops_loads_no_engine_and_no_room_above_it() -> None:
    loaded = loaded_after("ops")
    assert not loaded & {"dagster", "dagster_ray", "ray", "pydantic", "great_expectations", *ROOMS[1:]}


def test_pyspark_comes_into_ops_through_corpus_alone() -> None:
    speak_spark, use_corpus = set(), set()
    for path in (ROOT / "ops").rglob("*.py"):
        room, text = path.relative_to(ROOT).parts[1], path.read_text("utf-8")
        if "import pyspark" in text or "from pyspark" in text:
            speak_spark.add(room)
        if "ops.corpus" in text:
            use_corpus.add(room)
    assert speak_spark <= {"corpus"}
    assert use_corpus <= {"corpus", "audits"}


def test_lower_rooms_do_not_load_upper_ones() -> None:
    assert not loaded_after("resources") & {"assets", "pipelines"}
    assert "pipelines" not in loaded_after("assets")
