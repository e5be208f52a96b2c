"""Two drop runs at once beside one after the other, each a process of its own with its own Ray: the same rows in the
lake, and how long either takes.

    python -m benchmarks.two_drops ../shared/data/photos
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ops.core.tables import TABLES
from resources.lake.lookup import one_each
from resources.lake.tables import Lake
from resources.measuring.recorded import row_audits

DROPS = ("one", "two")
_RUN = """
import sys
from pipelines.definitions import bind
from pipelines.execution import open_instance, run_drop
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
lake, drop, path = sys.argv[1:]
with open_instance(lake) as instance:
    definitions = bind(lake, load_settings(None), progress=SilentProgress())
    outcome = run_drop(definitions, instance, drop=drop, path=path)
    print(outcome.error or outcome.gate_failures)
    sys.exit(not outcome.success)
"""
_KEYS = ("delivery", "example_id", "turn", "judgement_id", "file", "row")
_READ = ("examples", "turns", "dialogues", "preferences", "quarantine")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("photos", type=Path)
    photos = options.parse_args().photos
    with tempfile.TemporaryDirectory() as folder:
        drops = {name: made(Path(folder) / name, photos, at) for at, name in enumerate(DROPS)}
        lakes = {how.__name__: Path(folder) / how.__name__ for how in (in_turn, at_once)}
        seconds = {how.__name__: timed(how, lakes[how.__name__], drops) for how in (in_turn, at_once)}
        if rows(Lake(lakes["in_turn"])) != rows(Lake(lakes["at_once"])):
            sys.exit("the lakes differ")
    print(", ".join(f"{name} {taken:.1f} s" for name, taken in seconds.items()), end=", ")
    print(f"ratio {seconds['at_once'] / seconds['in_turn']:.2f}; the same rows in both")


def made(folder: Path, photos: Path, at: int, *, rows: int = 100) -> Path:
    """A drop of every second photograph with four of its captions each."""
    (folder / "images").mkdir(parents=True)
    lines: list[dict[str, object]] = []
    for text in (photos / "captions.jsonl").read_text().splitlines()[at::2]:
        captioned = json.loads(text)
        shutil.copy(photos / captioned["image"], folder / captioned["image"])
        for n, caption in enumerate(captioned["captions"][:4]):
            turns = [("human", f"<image>\nDescribe it ({n})."), ("gpt", caption)]
            conversation = [{"from": role, "value": value} for role, value in turns]
            lines.append({"image": captioned["image"], "conversations": conversation})
    (folder / "train.json").write_text(json.dumps(lines[:rows]))
    return folder


def in_turn(lake: Path, drops: dict[str, Path]) -> None:
    """One run after the other."""
    for name, path in drops.items():
        ended(started(lake, name, path))


def at_once(lake: Path, drops: dict[str, Path]) -> None:
    """Both runs at once."""
    for run in [started(lake, name, path) for name, path in drops.items()]:
        ended(run)


def started(lake: Path, name: str, path: Path) -> subprocess.Popen[str]:
    """The drop job in a process of its own."""
    command = [sys.executable, "-c", _RUN, str(lake), name, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(run: subprocess.Popen[str]) -> None:
    """Waits for the run; ends this program with what it wrote where it failed."""
    output, _ = run.communicate()
    if run.returncode:
        sys.exit(output)


def timed(how: Callable[[Path, dict[str, Path]], None], lake: Path, drops: dict[str, Path]) -> float:
    """Seconds by the clock."""
    began = time.perf_counter()
    how(lake, drops)
    return time.perf_counter() - began


def rows(lake: Lake) -> dict[str, list[dict[str, object]]]:
    """What the lake holds of the drops, but for times and for the vectors' last bits: rows, contents, and which rows
    each audit measured."""
    read = {name: sorted_rows(lake, name) for name in _READ}
    images = one_each(lake.read(TABLES["images"]), "image_id").select(["image_id"])
    embeddings = one_each(lake.read(TABLES["embeddings"], columns=["content_id", "modality"]), "content_id")
    measured = {
        audit.name: lake.read(audit.table, columns=["delivery", "example_id", "identity"])
        .sort_by([("delivery", "ascending"), ("example_id", "ascending")])
        .to_pylist()
        for audit in row_audits()
    }
    contents = {
        "images": images.sort_by("image_id").to_pylist(),
        "embeddings": embeddings.sort_by("content_id").to_pylist(),
    }
    return read | contents | measured


def sorted_rows(lake: Lake, name: str) -> list[dict[str, object]]:
    """The rows of a table in the order of their examples."""
    table = lake.read(TABLES[name])
    keys = [
        key for key in ("delivery", "example_id", "turn", "judgement_id", "file", "row") if key in table.column_names
    ]
    return table.sort_by([(key, "ascending") for key in keys]).to_pylist()


if __name__ == "__main__":
    main()
