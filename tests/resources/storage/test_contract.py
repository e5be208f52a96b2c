"""One contract for every place: a local folder, S3, Google Cloud Storage and Azure, each by a server in a process of
its own. GCS and Azure are tried where their emulators are on PATH; HDFS has none that is small enough to be here."""

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from ops.core.schemas import DROPS, QUARANTINE
from ops.intake.row import RowError
from resources.lake.tables import Lake
from resources.storage.drops import drop_files, folder_names
from resources.storage.storage import Storage
from tests.support.stores import EMULATORS, emulator, s3_store
from tests.support.tables import quarantine


@pytest.fixture(
    scope="module",
    params=[
        "local",
        pytest.param("s3", marks=pytest.mark.full),
        *(pytest.param(scheme, marks=pytest.mark.full) for scheme in EMULATORS),
    ],
)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a folder that is not there yet, with the environment that leads to it."""
    folder = tmp_path_factory.mktemp("store")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        if request.param == "local":
            yield str(folder / "made of")
            return
        if request.param == "s3":
            store = stack.enter_context(s3_store())
        elif program := emulator(request.param):
            store = stack.enter_context(EMULATORS[request.param][1](program, folder))
        else:
            pytest.skip(f"{EMULATORS[request.param][0]} is not on PATH")
        for name, value in store.variables.items():
            patch.setenv(name, value)
        yield f"{store.address}/made of"


def test_files_come_back_as_they_were_written(place: str) -> None:
    storage = pickle.loads(pickle.dumps(Storage.at(f"{place}/files")))  # noqa: S301 - as workers get it
    assert storage.read("not there") is None
    assert storage.size("not there") is None
    assert storage.sizes("nowhere") == {}
    storage.remove("not there")
    for data in (b"", b"first", b"x" * 3_000_000):
        assert storage.write("a b/c%20d=é.json", data) == f"{place}/files/a b/c%20d=é.json"
        assert storage.read("a b/c%20d=é.json") == data
    assert storage.sizes() == {"a b/c%20d=é.json": 3_000_000}
    assert storage.size("a b/c%20d=é.json") == 3_000_000
    assert storage.below("a b").sizes() == {"c%20d=é.json": 3_000_000}
    with pytest.raises(ZeroDivisionError), storage.writing("broken") as stream:
        stream.write(b"half" * (1 // 0))
    assert storage.size("broken") is None
    storage.remove("a b")
    assert storage.sizes() == {}


@pytest.fixture
def lake_place(place: str) -> str:
    if place.startswith("gs:"):
        pytest.skip("fake-gcs-server answers the PUT that delta-rs makes with 400; only files are tried on it")
    return place


def test_a_lake_lies_there(lake_place: str) -> None:
    lake = Lake(f"{lake_place}/lake")
    partition = {"delivery": "a b%"}
    assert lake.read(QUARANTINE).num_rows == 0
    assert lake.write(QUARANTINE, quarantine("a b%", 20), partition=partition, once="a")
    assert not lake.write(QUARANTINE, quarantine("a b%", 20), partition=partition, once="a")
    assert lake.read(QUARANTINE, where=partition).equals(quarantine("a b%", 20))
    assert [name for name in lake.storage.sizes() if "trial" in name] == []


def test_writers_at_once_lose_nothing(lake_place: str) -> None:
    if lake_place.startswith("az:"):
        pytest.skip("Azurite 3.35 does not list a log from the entry that delta-rs names: its third commit fails")
    lake = Lake(f"{lake_place}/shared lake")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: lake.log(DROPS, lambda log: [{"drop": str(n)}]), range(8)))
    rows = lake.read(DROPS).sort_by("sequence")
    assert rows["sequence"].to_pylist() == list(range(8))
    assert sorted(rows["drop"].to_pylist()) == [str(n) for n in range(8)]


def test_a_drop_is_read_from_there(place: str) -> None:
    storage = Storage.at(f"{place}/drops/flowers")
    storage.write("rows.jsonl", b'{"n": 1}\n')
    storage.write("images/0/a.png", b"picture")
    storage.write(".hidden/b.png", b"")
    files = pickle.loads(pickle.dumps(drop_files(f"{place}/drops/flowers")))  # noqa: S301 - as workers get it
    assert [(info.name, info.size) for info in files.listing()] == [("images/0/a.png", 7), ("rows.jsonl", 9)]
    with files.expanded("rows.jsonl", expansion=10, start=3) as stream:
        assert stream.read() == b'": 1}\n'
    assert files.read_image("a.png", ("images/0",), max_bytes=100) == b"picture"
    for missing in ("gone.png", "rows.jsonl/b.png", "x" * 2000, "images"):
        with pytest.raises(RowError, match="image_missing"):
            files.read_image(missing, ("",), max_bytes=100)
    if not place.startswith("/"):
        assert folder_names(f"{place}/drops") == ["flowers"]
