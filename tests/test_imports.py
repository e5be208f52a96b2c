"""The one-way rule. Between the upper rooms `make check` holds it (banned-api in their ruff.toml); that importing `ops`
brings in nothing else is seen from outside, by what a fresh interpreter has loaded."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ops", "resources", "assets", "pipelines")

# Imports every module of ops and prints what is loaded.
PROBE = """
import json, sys
from importlib import import_module
from pkgutil import walk_packages
for module in walk_packages(import_module("ops").__path__, "ops."):
    import_module(module.name)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_resolve_inside_the_repository(room: str) -> None:
    module = import_module(room)
    assert [Path(entry).resolve() for entry in module.__path__] == [ROOT / room]


def test_ops_loads_no_engine_and_no_room_above_it() -> None:
    ran = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
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
