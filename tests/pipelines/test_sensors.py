"""The watched folder: complete drops become partitions and runs, others do not."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from pipelines.sensors import new_drops
from resources.config.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shipped = load_settings(None)
    return replace(shipped, ingest=replace(shipped.ingest, watched=str(tmp_path)))


def fill(folder: Path, rows: str = "[]", *, complete: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(rows)
    if complete:
        (folder / "_SUCCESS").touch()
    return folder


def tick(settings: Settings, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = new_drops(settings)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def requested(result: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(run.partition_key, run.run_key) for run in result.run_requests or []]


def test_only_complete_drops_with_fit_names_run_and_what_waits_is_named(settings: Settings, tmp_path: Path) -> None:
    fill(tmp_path / "2026-11-23")
    fill(tmp_path / "still-uploading", complete=False)
    fill(tmp_path / "not a name")
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance)
        assert [drop for drop, _ in requested(result)] == ["2026-11-23"]
        assert [list(r.partition_keys) for r in result.dynamic_partitions_requests or []] == [["2026-11-23"]]
        assert "still-uploading" in str(tick(settings, instance, result.cursor).skip_reason)


def test_an_unchanged_drop_runs_once_and_a_corrected_one_again(settings: Settings, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        fill(tmp_path / "a")
        first = tick(settings, instance)
        assert not requested(tick(settings, instance, first.cursor))
        assert requested(tick(settings, instance)) == requested(first), "a lost cursor runs nothing twice"
        fill(tmp_path / "a", rows="[1]")
        again = requested(tick(settings, instance, first.cursor))
        assert [drop for drop, _ in again] == ["a"]
        assert again != requested(first)


def test_a_drop_that_stays_incomplete_is_reported(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    impatient = replace(settings, operation=replace(settings.operation, overdue_hours=1e-9))
    (tmp_path / "slow").mkdir()
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = tick(impatient, instance).cursor
        tick(impatient, instance, cursor)
    assert f"slow in {tmp_path} is incomplete since" in capsys.readouterr().err


def test_nothing_to_watch_is_said(settings: Settings, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        unset = tick(replace(settings, ingest=replace(settings.ingest, watched="")), instance)
        assert "ingest.watched" in str(unset.skip_reason)
        gone = tick(replace(settings, ingest=replace(settings.ingest, watched=str(tmp_path / "gone"))), instance)
        assert "does not exist" in str(gone.skip_reason)
