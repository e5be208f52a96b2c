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


def tick(settings: Settings, instance: dg.DagsterInstance) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, resources={"settings": settings})
    result = new_drops(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_only_complete_drops_with_fit_names_run(settings: Settings, tmp_path: Path) -> None:
    fill(tmp_path / "2026-11-23")
    fill(tmp_path / "still-uploading", complete=False)
    fill(tmp_path / "not a name")
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance)
    assert [run.partition_key for run in result.run_requests or []] == ["2026-11-23"]
    assert [list(r.partition_keys) for r in result.dynamic_partitions_requests or []] == [["2026-11-23"]]


def test_an_unchanged_drop_keeps_its_key_and_a_corrected_one_gets_another(settings: Settings, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        fill(tmp_path / "a")
        first = [run.run_key for run in tick(settings, instance).run_requests or []]
        assert [run.run_key for run in tick(settings, instance).run_requests or []] == first
        fill(tmp_path / "a", rows="[1]")
        assert [run.run_key for run in tick(settings, instance).run_requests or []] != first


def test_nothing_to_watch_is_said(settings: Settings, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        unset = tick(replace(settings, ingest=replace(settings.ingest, watched="")), instance)
        assert "ingest.watched" in str(unset.skip_reason)
        gone = tick(replace(settings, ingest=replace(settings.ingest, watched=str(tmp_path / "gone"))), instance)
        assert "does not exist" in str(gone.skip_reason)
