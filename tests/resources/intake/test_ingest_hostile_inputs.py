"""Two thousand hostile inputs: none ends an ingest, none loses a row, none is read from outside the drop, none writes
outside the lake, and none runs or connects to anything.

The tasks of an ingest run here as Ray would call them; test_ingest_hostile.py takes a hostile drop in by Ray.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ops.core.identity import image_id
from ops.core.printable import unfit_name
from ops.formats.shard_rows import INTERNAL
from ops.intake.drop import Manifest, data_files, read_manifest
from ops.intake.drop_files import DropError, DropFiles, open_drop
from ops.intake.image_checks import check_image
from ops.intake.reasons import REASONS
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings
from resources.intake.context import Context
from resources.intake.finishing import FinishWork, finish_shard
from resources.intake.parsing import FileShard, parse_shard
from resources.intake.planning import plan_file
from resources.lake.scratch import InflatedFiles, Scratch
from resources.lake.tables import Lake
from tests.support.hostile_inputs.archives import hostile_archives
from tests.support.hostile_inputs.files import ENDINGS, FILE_NAMES, columns, contents
from tests.support.hostile_inputs.pictures import hostile_pictures
from tests.support.hostile_inputs.rows import GOOD, PATHS, WORDS, hostile_rows
from tests.support.layouts import picture

SETTINGS = IngestSettings(max_row_bytes=4 << 20)
SECRET = picture(9, "PNG")
QUICK, ALL = 7, 1  # every so many of the inputs

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class")
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate")


@dataclass
class Watch:
    """What Python does meanwhile that it should not: run, connect, unpickle, or write outside `lake`."""

    lake: str = ""
    events: list[str] = field(default_factory=list)

    def hook(self, event: str, values: tuple[Any, ...]) -> None:
        if not self.lake:
            return
        if event in _NEVER:
            self.events.append(f"{event} {values!r}"[:300])
        writes = event == "open" and isinstance(values[2], int) and values[2] & _WRITES
        # A folder opened for writing is a file without a name (O_TMPFILE), which is gone when it is closed.
        writes = writes and not os.path.isdir(values[0])
        if (writes or event in _CHANGES) and not os.path.abspath(os.fsdecode(values[0])).startswith(self.lake):
            self.events.append(f"{event} {values!r}"[:300])

    @contextmanager
    def over(self, lake: Path) -> Iterator[None]:
        self.lake, self.events = str(lake), []
        try:
            yield
        finally:
            self.lake = ""
        assert self.events == []


WATCH = Watch()
sys.addaudithook(WATCH.hook)  # there is no way to remove one; it is idle but inside of `over`


@dataclass
class Taken:
    """What became of the files of a drop: reasons by file, and the source ids kept."""

    reasons: dict[str, list[str]] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)

    def rows(self, file: str) -> int:
        return len(self.reasons[file]) + len(self.kept[file])


def take(root: Path) -> Taken:
    """Every file that may hold rows of the drop at `root`/drop."""
    lake = Lake(root / "lake")
    scratch = Scratch(lake, "hostile")
    files = DropFiles(open_drop(root / "drop").root, inflated=InflatedFiles(scratch))
    context = Context(lake, files, "hostile", "hostile-1", Manifest(), SETTINGS, scratch)
    taken = Taken()
    with WATCH.over(root / "lake"):
        for info in data_files(files.listing()):
            take_file(context, info, taken)
    assert {reason for reasons in taken.reasons.values() for reason in reasons} <= REASONS.keys() - {INTERNAL}
    assert image_id(SECRET) not in taken.images
    assert not list(root.rglob("*pwned*"))
    return taken


def take_file(context: Context, info: Any, taken: Taken) -> None:
    plan = plan_file(info, context, shard_bytes=1 << 20)
    reasons = taken.reasons[info.name] = [plan.problem[0]] if plan.problem else []
    kept: list[str] = []
    taken.kept[info.name] = kept
    assert unfit_name(plan.file) is None
    for shard in plan.shards:
        parsed = parse_shard(FileShard(plan, shard), context)
        done = finish_shard(FinishWork(parsed, parsed.verdicts, {}, frozenset()), context)
        assert parsed.rows_in == done.kept + done.quarantined, info.name
        assert done.kept == sum(file.rows for file in done.staged["examples"]), info.name
        assert done.quarantined == sum(file.rows for file in done.staged["quarantine"]), info.name
        bad = {image for image, verdict in parsed.verdicts.items() if isinstance(verdict, dict)}
        refused = context.scratch.read_table(f"{parsed.name}-refused").to_pylist()
        assert all(unfit_name(f"{row['source_id']}{row['detail']}") is None for row in refused)
        reasons += [row["reason"] for row in refused]
        for row in context.scratch.read_table(f"{parsed.name}-parsed").to_pylist():
            assert unfit_name(row["source_id"] + row["dataset"]) is None
            kept.append(row["source_id"])
            taken.images.update(set(row["image_ids"]) - bad)


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[Path]:
    """A drop with a good picture, and beside it what must not be read."""
    root = tmp_path / "drop"
    (root / "images").mkdir(parents=True)
    (root / "images" / "good.png").write_bytes(picture(kind="PNG"))
    (root / "a.jpg").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(SECRET)
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "out").symlink_to(tmp_path)
    (root / "loop.png").symlink_to("loop.png")
    (root / "loop").symlink_to(".")
    os.mkfifo(root / "fifo.png")
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.getcwd()
        os.chdir(root)  # the whole path may be too long for the address of a socket
        server.bind("socket.png")
        os.chdir(folder)
        yield root


def check_rows(drop: Path, every: int) -> int:
    rows = hostile_rows()[::every]
    text = "\n".join(json.dumps(row) for row in rows for row in (GOOD, row))
    (drop / "rows.jsonl").write_text(text)
    (drop / "rows.json").write_text(json.dumps([row for row in rows for row in (row, GOOD)]))
    taken = take(drop.parent)
    for file in ("rows.jsonl", "rows.json"):
        assert taken.rows(file) == 2 * len(rows)
        assert taken.kept[file].count("good") >= len(rows)
    return 2 * len(rows)


def check_archives(drop: Path, every: int) -> int:
    made = list(hostile_archives())[::every]
    for name, data, _ in made:
        (drop / name).write_bytes(data)
    taken = take(drop.parent)
    for name, _, good in made:
        assert taken.kept[name][0] == "before", name
        assert ("zz" in taken.kept[name]) == (good == 2), (name, taken.kept[name], taken.reasons[name])
        assert taken.rows(name) >= 2, name
    return len(made)


def check_files(drop: Path, every: int) -> int:
    for name, data in contents().items():
        for number, ending in enumerate(ENDINGS):
            if (number + len(name)) % every == 0:
                (drop / f"{name}{ending}").write_bytes(data)
    for name, data in columns().items():
        (drop / f"{name}.columns").write_bytes(data)
    taken = take(drop.parent)
    without = {name for name in taken.reasons if not taken.rows(name)}
    # Nothing but blanks, a table without rows, commas with nothing between them, or the one line of a table's header.
    rowless = ("empty", "space", "bom", "nothing", "commas")
    assert {
        name for name in without if not name.startswith(rowless) and b"\n" in (drop / name).read_bytes().strip()
    } == set()
    assert taken.reasons["words.columns"] == ["encoding", "image_missing", "encoding"]
    return len(taken.reasons)


def check_names(drop: Path, every: int) -> int:
    names = FILE_NAMES[::every]
    endings = (b".jsonl", b".json", b".tar", b".parquet")
    for name in names:
        for ending in endings:
            path = os.fsencode(drop) + b"/" + name + ending
            Path(os.fsdecode(path)).write_text(json.dumps(GOOD))
    taken = take(drop.parent)
    files = [name for name in taken.reasons if name not in ("fifo.png", "socket.png")]
    assert all(taken.rows(name) == 1 for name in files)
    return len(names) * len(endings)


def check_pictures(drop: Path, every: int) -> int:
    made = list(hostile_pictures().items())[::every]
    for name, data in made:
        (drop / name).write_bytes(data)
    talk = [{"from": "human", "value": "<image>\nWhat?"}, GOOD["conversations"][1]]
    rows = [json.dumps({"id": name, "image": name, "conversations": talk}) for name, _ in made]
    (drop / "pictures.jsonl").write_text("\n".join(rows))
    assert take(drop.parent).rows("pictures.jsonl") == len(made)
    for name, data in made:
        facts, reason = None, ""
        try:
            facts = check_image(data, SETTINGS)
        except RowError as error:
            reason = error.reason
        assert facts is not None or reason in REASONS, name
        assert facts is None or facts.width_px * facts.height_px <= SETTINGS.max_image_px, name
    return len(made)


def check_manifests(drop: Path, every: int) -> int:
    words = [json.dumps(word[:500]) for word in [*WORDS, *PATHS]]
    keys = ("name", "images", "licence", "datasets", "format", "arrived")
    texts = [f"{key}: {word}" for key in keys for word in words] + [f"{word}: x" for word in words]
    texts += [f"images: [{word}]" for word in words] + [f"datasets: {{{word}: {word}}}" for word in words]
    for text in texts[::every]:
        (drop / "drop.yaml").write_text(text)
        manifest, problem = Manifest(), "drop"
        try:
            manifest = read_manifest(open_drop(drop))
        except DropError as error:
            problem = str(error)
        assert "drop" in problem
        assert unfit_name(problem) is None
        held = (manifest.name, manifest.licence, manifest.arrived, *manifest.datasets, *manifest.datasets.values())
        assert all(unfit_name(text) is None for text in held if text)
        assert all(not f.startswith(("/", "~")) and ".." not in f.split("/") for f in manifest.images)
    return len(texts[::every])


CHECKS = [check_rows, check_archives, check_files, check_names, check_pictures, check_manifests]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("check", CHECKS)
def test_some_hostile_inputs(drop: Path, check: Any):
    assert check(drop, QUICK) >= 5


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_two_thousand_hostile_inputs(drop: Path):
    counts = {}
    for check in CHECKS:
        before = set(drop.iterdir())
        counts[check.__name__] = check(drop, ALL)
        for path in set(drop.iterdir()) - before:
            path.unlink()
    print(counts)
    assert sum(counts.values()) >= 2000
