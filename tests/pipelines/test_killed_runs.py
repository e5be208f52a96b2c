"""A whole run killed with SIGKILL, its process group at once, at one point after another, each time started again by
the same command: the version is that of a run that nobody disturbed, and nothing is left behind. At three points among
the long tests, at all eleven and under the UI in `make test-kills`."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from pipelines.execution import open_instance
from pipelines.failed_runs import failed_runs
from pipelines.killed_runs import KILLED
from resources.lake.housekeeping import sweep
from resources.lake.tables import Lake
from resources.versions.publishing import version_of
from tests.support.dagster_dev import dagster_dev
from tests.support.killing import ASSAY, Group

_CACHES = {"torchinductor_root"}
"""What torch keeps from one run to the next."""
Happened = Callable[[Path], bool]


def holds(pattern: str, *, at_least: int = 1) -> Happened:
    """So many files of the lake are of that pattern."""
    return lambda lake: len(list(lake.glob(pattern))) >= at_least


#: Where the run is killed: the line that it must have written, and what must then be in the lake.
POINTS: dict[str, tuple[str, Happened]] = {
    "hashing": ("Hash files: begun", lambda lake: True),
    "ingest half-way": ("Check rows and images: begun", holds(".scratch/*/*.json")),
    "ingest staged, not committed": ("Write the tables: begun", holds("examples/delivery=*/*.parquet")),
    "embedding half-way": ("Embed images and texts: begun", holds("embeddings/**/*.parquet")),
    "measuring": ("Measure alignment_shift", lambda lake: True),
    "corpus job on Spark": ("Measure near_duplicates: begun", lambda lake: True),
    "verdicts staged": ("Judge examples: begun", holds("verdicts/version=1/*.parquet")),
    "candidate, not gated": ("Order members", holds("versions/_delta_log/00000000000000000000.json")),
    "gates, not published": ("Order members", holds(".gates/candidate-*/version-1/*.json")),
    "published": ("Order members", holds("versions/_delta_log/*.json", at_least=2)),
    "report": ("Order members", holds("reports/version-1.html")),
}

#: The three of them that are tried where half an hour is not there: in each engine, and in neither.
FEW = ("ingest staged, not committed", "corpus job on Spark", "candidate, not gated")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a folder for temporary files of its own, of a short name: sockets lie in it."""
    place = tmp_path_factory.mktemp("killed")
    passing = Path(tempfile.mkdtemp(prefix="k"))
    (place / "passing").symlink_to(passing)
    (place / "assay.yaml").write_text("operation: {logs: json}\ningest: {shard_bytes: 4096}\n")
    yield place
    shutil.rmtree(passing)


@pytest.fixture(scope="module")
def drop(folder: Path, photos: Path) -> Path:
    """Fifty photographs with two captions each, and preferences about ten of them."""
    place = folder / "drop"
    shutil.copytree(photos / "images", place / "images")
    captioned = [json.loads(line) for line in (photos / "captions.jsonl").read_text().splitlines()[:50]]
    rows = [
        {"image": row["image"], "conversations": [{"from": "human", "value": f"<image>\n{question}"}, answer]}
        for row in captioned
        for question, caption in zip(("What is in it?", "Describe it."), row["captions"], strict=False)
        for answer in [{"from": "gpt", "value": caption}]
    ]
    pairs = [
        {
            "prompt": "What do you see?",
            "chosen": row["captions"][2],
            "rejected": f"Nothing, {n}.",
            "images": [row["image"]],
        }
        for n, row in enumerate(captioned[:10])
    ]
    (place / "train.json").write_text(json.dumps(rows))
    (place / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return place


def environment(folder: Path) -> dict[str, str]:
    return {"TMPDIR": str((folder / "passing").resolve()), "XDG_STATE_HOME": str(folder / "state")}


@contextmanager
def started(folder: Path, drop: Path, lake: str) -> Iterator[Group]:
    """`assay run` on that lake."""
    command = (*ASSAY, "run", str(drop), "--lake", str(folder / lake), "--config", str(folder / "assay.yaml"))
    run = Group(command, folder / "log", environment(folder))
    try:
        yield run
    finally:
        run.end()


def content(lake: Path) -> dict[str, Any]:
    """What a version is: its identity, its rows, and what came in."""
    store = Lake(lake)
    where = {"version": 1}
    tables = {
        spec.name: store.read(spec, where=where).sort_by("example_id").to_pylist()
        for spec in (VERDICTS, CURATED, CURRICULUM)
    }
    ingested = {spec.name: store.read(spec).num_rows for spec in (EXAMPLES, QUARANTINE)}
    return {"content": version_of(store, 1).content, "state": version_of(store, 1).state, **tables, **ingested}


@pytest.fixture(scope="module")
def undisturbed(folder: Path, drop: Path) -> dict[str, Any]:
    with started(folder, drop, "undisturbed") as run:
        assert run.process.wait(900) == 0, run.output()
        assert run.gone(within_s=30)
    return content(folder / "undisturbed")


def states(lake: Path) -> list[tuple[str, bool]]:
    """The runs from the first to the last, and whether they are said to have been killed."""
    with dg.DagsterInstance.from_config(str(lake / ".dagster")) as instance:
        return [(run.status.value, KILLED in run.tags) for run in reversed(instance.get_runs())]


def status(folder: Path, lake: str) -> dict[str, Any]:
    command = (*ASSAY, "status", "--lake", str(folder / lake), "--config", str(folder / "assay.yaml"), "--json")
    asked = Group(command, folder / "status")
    assert asked.process.wait(120) == 0, asked.output()
    return json.loads(asked.output())


def stopped(folder: Path, drop: Path, lake: str, point: str, number: signal.Signals) -> int:
    """Sends the signal to a run that is at that point; returns its exit status, once all that came of it is gone."""
    line, happened = POINTS[point]
    with started(folder, drop, lake) as run:
        run.wait_for(lambda text: line in text and happened(folder / lake))
        status = run.signal(number)
        assert run.gone(within_s=30), [process.cmdline() for process in run.left()]
    return status


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_killed_at_three_points_and_run_again(folder: Path, drop: Path, undisturbed: dict[str, Any]) -> None:
    for point in FEW:
        assert stopped(folder, drop, "few", point, signal.SIGKILL) == -signal.SIGKILL
    require_whole(folder, drop, "few", undisturbed, killed=len(FEW))


@pytest.mark.kills
@pytest.mark.timeout(3000)
def test_killed_at_each_point_and_run_again(folder: Path, drop: Path, undisturbed: dict[str, Any]) -> None:
    for point in POINTS:
        if point == "corpus job on Spark":
            assert stopped(folder, drop, "each", point, signal.SIGTERM) == 1
            assert "told to stop" in (folder / "log").read_text()
        assert stopped(folder, drop, "each", point, signal.SIGKILL) == -signal.SIGKILL
    require_whole(folder, drop, "each", undisturbed, killed=len(POINTS))


def require_whole(folder: Path, drop: Path, name: str, undisturbed: dict[str, Any], *, killed: int) -> None:
    """The killed runs are shown as such; one that goes on from them makes the version of a run that nobody disturbed,
    and leaves nothing behind."""
    lake = folder / name
    failed = status(folder, name)["failed_runs"]
    assert [(run["job"], run["killed"]) for run in failed] == [("corpus_job", True)]
    with started(folder, drop, name) as run:
        assert run.process.wait(900) == 0, run.output()
        assert run.gone(within_s=30)
    assert content(lake) == undisturbed
    assert states(lake).count(("FAILURE", True)) == killed
    assert {state for state, _ in states(lake)} == {"SUCCESS", "FAILURE"}
    assert status(folder, name)["failed_runs"] == []
    assert list((lake / ".scratch").iterdir()) == []
    assert set(os.listdir(folder / "passing")) <= _CACHES
    swept = sweep(Lake(lake), age_s=0)
    assert swept.files > 0
    assert content(lake) == undisturbed


#: The same under `make dev`: the job, and what must be in the lake when all of it is killed.
UNDER_DEV: dict[str, Happened] = {
    "drop_job": holds(".scratch/*/*.json"),
    "corpus_job": holds("measures_duplicates/_delta_log/*.json"),
}


@pytest.mark.kills
@pytest.mark.timeout(3000)
def test_killed_under_dagster_dev_and_launched_again(folder: Path, drop: Path, undisturbed: dict[str, Any]) -> None:
    lake = folder / "dev"
    with open_instance(lake) as instance:
        instance.add_dynamic_partitions("drops", ["drop"])
    begun = partial(dagster_dev, lake, folder / "assay.yaml", folder / "log", environment(folder))
    for job, happened in UNDER_DEV.items():
        of = (
            {"drop": "drop", "config": {"ops": {"ingest": {"config": {"path": str(drop)}}}}}
            if job == "drop_job"
            else {}
        )
        with begun() as dev:
            run = dev.launch(job, **of)
            dev.group.wait_for(lambda _, happened=happened: happened(lake))
            dev.group.signal()
            assert dev.group.gone(within_s=60), [process.cmdline() for process in dev.group.left()]
        assert [(failed.run, failed.killed) for failed in failed_runs(lake)] == [(run, True)]
        with begun() as dev:
            assert dev.outcome(run, within_s=120) == "FAILURE"
            assert dev.outcome(dev.launch(job, **of), within_s=600) == "SUCCESS"
        assert failed_runs(lake) == []
    assert content(lake) == undisturbed
