"""Which Dagster instance a lake's runs are kept in."""

import os
from pathlib import Path

import dagster as dg
import pytest

from pipelines.execution import open_instance
from resources.config.places import PlaceError


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.mark.full
def test_each_lake_has_its_own_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, and without a word to the rest of it."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    for lake in (tmp_path / "one", "two", (tmp_path / "three").as_uri()):
        with open_instance(lake) as instance:
            instance.add_dynamic_partitions("drops", [str(lake)])
            assert list(instance.get_dynamic_partitions("drops")) == [str(lake)]
    assert {path.name: (path / ".dagster" / "dagster.yaml").exists() for path in tmp_path.iterdir()} == {
        "one": True,
        "two": True,
        "three": True,
    }
    assert dict(os.environ) == before


def test_a_home_that_is_named_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "state/dagster")
    for lake in (tmp_path / "one", "s3://bucket/lake"):
        with open_instance(lake) as instance:
            assert instance.root_directory.startswith(f"{tmp_path}/state/dagster")
    assert (tmp_path / "state/dagster/dagster.yaml").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "state/dagster"))
    assert dg.DagsterInstance.get().is_persistent


def test_a_home_of_ones_own_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with open_instance(tmp_path / "lake"):
        assert not (tmp_path / "dagster.yaml").exists()


def test_records_of_a_lake_in_a_store_lie_in_the_state_folder_of_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    homes = set()
    for lake in ("s3://bucket/lake", "s3://bucket//lake/", "s3://bucket/other"):
        with open_instance(lake) as instance:
            homes.add(instance.root_directory)
    assert len(homes) == 2
    assert all(Path(home).is_relative_to(tmp_path / "state/assay/stores") for home in homes)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_home_in_a_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "s3://bucket/home")
    with pytest.raises(PlaceError, match="DAGSTER_HOME: s3://bucket/home is an address in a store"):
        open_instance("s3://bucket/lake")
    assert list(tmp_path.iterdir()) == []
