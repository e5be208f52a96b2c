"""What an address alone decides: which store, what the environment gives it, and what is said where that lacks."""

from pathlib import Path

import pytest

from resources.config.places import PlaceError
from resources.lake.tables import Lake
from resources.storage.schemes import SCHEMES, StoreError
from resources.storage.state import state_of
from resources.storage.storage import Storage

VARIABLES = {name for scheme in SCHEMES.values() for names in scheme.variables.values() for name in names}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_environment_is_read_once_and_goes_with_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "far")
    monkeypatch.setenv("AWS_REGION", "near")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store:9000")
    lake = Lake("s3://bucket/lake")
    monkeypatch.setenv("AWS_REGION", "elsewhere")
    given = lake.storage_options
    assert (given["aws_region"], given["aws_endpoint_url"]) == ("near", "http://store:9000")
    assert given["allow_http"] == "true"
    assert given["retry_timeout"] == "45s"
    assert Storage.at("s3://bucket/lake", {"AWS_REGION": "x"}).options == {"aws_region": "x"}
    assert "allow_http" not in Storage.at("s3://bucket/lake", {"aws_endpoint_url": "https://store"}).delta_options
    assert Lake("/somewhere").storage_options == {}


def test_credentials_are_not_shown() -> None:
    assert "hidden" not in repr(Storage.at("s3://bucket/lake", {"aws_secret_access_key": "hidden"}))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("az://container/lake", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("hdfs://namenode:8020/lake", "HADOOP_HOME"),
        ("ftp://server/lake", "there are s3, s3a, gs, az, abfs, abfss, hdfs"),
    ],
)
def test_what_is_missing_is_named(address: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Storage.at(address).open()


def test_an_address_without_a_store_names_no_place() -> None:
    with pytest.raises(PlaceError, match="is no address of a place"):
        Storage.at("hdfs:///lake")


def test_azure_is_found_by_either_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "mine")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert Storage.at("az://container/a/b").open()[1] == "container/a/b"
    assert Storage.at("abfss://container@other.dfs.core.windows.net/a/b").open()[1] == "container/a/b"


def test_addresses_have_state_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folders = {state_of(address) for address in ("s3://b/a-c", "s3://b/a/c", "s3://b/a_c", f"s3://b/{'x' * 500}")}
    assert len(folders) == 4
    assert all(folder.is_relative_to(tmp_path) and len(folder.name) < 100 for folder in folders)
