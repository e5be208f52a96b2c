"""Which runs count as killed, and that Dagster's run monitoring and `assay status` hear of them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from pipelines.execution import open_instance
from pipelines.failed_runs import failed_runs
from pipelines.killed_runs import HOST, KILLED, end_killed_runs, is_killed
from pipelines.launcher import WatchedRunLauncher
from resources.engines.processes import is_there

OWN_HOST = {HOST: socket.gethostname()}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("DAGSTER_HOME", raising=False)
        yield tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def instance(lake: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(lake) as instance:
        yield instance


@pytest.fixture(scope="module")
def ended() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def begun(instance: dg.DagsterInstance, process: int | None, tags: dict[str, str]) -> dg.DagsterRun:
    """A run that stands as started, in that process."""
    run = instance.create_run_for_job(dg.define_asset_job("drop_job").resolve(asset_graph=GRAPH), tags=tags)
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, run.job_name), run_id=run.run_id
    )
    if process is not None:
        instance.report_engine_event("Executing steps", run, EngineEventData.in_process(process))
    return instance.get_run_by_id(run.run_id) or run


@dg.asset
def nothing() -> None: ...


GRAPH = dg.Definitions(assets=[nothing]).resolve_asset_graph()


@pytest.mark.full
def test_a_run_is_killed_where_its_process_of_this_machine_is_gone(instance: dg.DagsterInstance, ended: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as later:
        runs = {
            "gone": begun(instance, ended, OWN_HOST),
            "alive": begun(instance, os.getpid(), OWN_HOST),
            "of another machine": begun(instance, ended, {HOST: "elsewhere"}),
            "of a launcher that says no machine": begun(instance, ended, {}),
            "not in a process yet": begun(instance, None, OWN_HOST),
        }
        assert [name for name, run in runs.items() if is_killed(instance, run)] == ["gone"]
        later.kill()
        later_run = begun(instance, later.pid, OWN_HOST)
        assert is_killed(instance, later_run), "its parent has not seen it end"
    assert {runs["gone"].run_id, later_run.run_id} <= set(end_killed_runs(instance))
    assert end_killed_runs(instance) == []
    marked = instance.get_run_by_id(runs["gone"].run_id)
    assert marked is not None
    assert (marked.status, KILLED in marked.tags) == (dg.DagsterRunStatus.FAILURE, True)


def test_a_number_that_another_process_got_since_is_not_its_process(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as earlier:
        run = begun(instance, earlier.pid, OWN_HOST)
        assert not is_killed(instance, run)
        assert is_there(earlier.pid, time.time())
        assert not is_there(earlier.pid, time.time() - 3600), "it had not begun then"


def test_run_monitoring_asks_our_launcher(instance: dg.DagsterInstance, ended: int) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    assert launcher.supports_check_run_worker_health
    states = [launcher.check_run_worker_health(begun(instance, n, OWN_HOST)).status for n in (ended, os.getpid())]
    assert states == [WorkerStatus.FAILED, WorkerStatus.RUNNING]


def test_status_tells_the_last_run_of_a_job_that_failed(
    instance: dg.DagsterInstance, ended: int, lake: Path, tmp_path: Path
) -> None:
    begun(instance, ended, OWN_HOST | {PARTITION_NAME_TAG: "a"})
    instance.report_run_failed(begun(instance, os.getpid(), OWN_HOST | {PARTITION_NAME_TAG: "b"}))
    begun(instance, ended, OWN_HOST | {PARTITION_NAME_TAG: "c"})
    begun(instance, os.getpid(), OWN_HOST | {PARTITION_NAME_TAG: "c"})
    begun(instance, ended, OWN_HOST | {ASSET_PARTITION_RANGE_START_TAG: "a", ASSET_PARTITION_RANGE_END_TAG: "c"})
    failed = {run.drop: run for run in failed_runs(lake)}
    assert {name: run.killed for name, run in failed.items() if name} == {"a": True, "b": False, "a to c": True}
    assert "of drop a was killed" in failed["a"].line
    assert failed_runs(tmp_path / "elsewhere") == []
    assert not (tmp_path / "elsewhere").exists()
