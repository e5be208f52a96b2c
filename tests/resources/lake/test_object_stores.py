"""A lake in an object store, and a store that cannot keep two writers apart."""

import time
from threading import Thread

import pytest

from ops.core.errors import AssayError
from ops.core.schemas import DROPS, IMAGES, QUARANTINE
from resources.lake.files import LakeError
from resources.lake.tables import Lake
from resources.storage.drops import StoredDrop
from resources.storage.storage import Storage
from tests.support.stores import make_trouble, proxied, s3_store, s3_variables
from tests.support.tables import between, images, quarantine


@pytest.mark.full
def test_an_object_store_is_a_lake_too() -> None:
    with s3_store("shelf") as store:
        options = {name.lower(): value for name, value in store.variables.items()}
        filesystem, _ = Storage.at("s3://shelf/lake", options).open()
        lake = Lake("s3://shelf/lake/", options)
        partition = {"delivery": "a b%"}
        assert lake.read(QUARANTINE).num_rows == 0
        assert lake.write(QUARANTINE, quarantine("a b%", 20), partition=partition, once="a")
        assert not lake.write(QUARANTINE, quarantine("a b%", 20), partition=partition, once="a")
        assert lake.read(QUARANTINE, where=partition).equals(quarantine("a b%", 20))
        lake.append(IMAGES, lake.stage(IMAGES, images("a", "b"), {}))
        assert lake.read(IMAGES, where={"image_id": "b"}).num_rows == 1
        assert [row["sequence"] for row in lake.log(DROPS, lambda log: [{"drop": "x"}, {"drop": "y"}])] == [0, 1]
        made = lake.log(DROPS, lambda log: [{"drop": str(lake.log(DROPS, between))}] if len(log.rows) < 3 else [{}])
        assert [row["sequence"] for row in made] == [3]  # after the one that came between
        paths = [path.removeprefix("s3://") for path in lake.files(IMAGES)]
        assert all(info.is_file for info in filesystem.get_file_info(paths))


@pytest.mark.full
@pytest.mark.parametrize("forgets", ["if-none-match", "nothing"])
def test_a_store_that_forgets_conditions_is_refused_before_a_commit_is_lost(forgets: str) -> None:
    """A server in a process of its own that passes requests on to a store, without the header in question."""
    with s3_store("shelf") as store, proxied(store.variables["AWS_ENDPOINT_URL"], forgets=forgets) as proxy:
        lake = Lake("s3://shelf/lake", {name.lower(): value for name, value in s3_variables(proxy).items()})
        if forgets == "nothing":
            together = [Thread(target=lake.log, args=(DROPS, lambda log, n=n: [{"drop": str(n)}])) for n in range(6)]
            for process in together:
                process.start()
            for process in together:
                process.join()
            assert sorted(lake.read(DROPS)["drop"].to_pylist()) == [str(n) for n in range(6)]
        else:
            for step in (
                lambda: lake.log(DROPS, lambda log: [{"drop": "x"}]),
                lambda: lake.commit(QUARANTINE, [], once="a"),
                lambda: lake.append(IMAGES, lake.stage(IMAGES, images("a"), {})),
            ):
                with pytest.raises(LakeError, match="s3://shelf/lake: the store ignores conditional writes"):
                    step()
            assert lake.version(DROPS) == lake.version(QUARANTINE) == lake.version(IMAGES) == -1
        assert not [name for name in lake.storage.sizes() if "trial" in name]


@pytest.mark.full
def test_a_bucket_that_is_not_there_is_said() -> None:
    with s3_store("shelf") as store:
        lake = Lake("s3://other/lake", {name.lower(): value for name, value in store.variables.items()})
        for step in (lambda: lake.read(DROPS), lambda: lake.storage.write("a", b"")):
            with pytest.raises(AssayError, match=r"s3://other/lake.*: make the bucket first, or mend the address"):
                step()


@pytest.mark.full
def test_a_store_that_fails_for_a_while_loses_and_doubles_nothing() -> None:
    with s3_store("shelf") as store, proxied(store.variables["AWS_ENDPOINT_URL"]) as proxy:
        lake = Lake("s3://shelf/lake", {name.lower(): value for name, value in s3_variables(proxy).items()})
        for n in range(6):
            make_trouble(proxy, 3 if n % 2 else 0)
            lake.log(DROPS, lambda log, n=n: [{"drop": str(n)}])
            make_trouble(proxy, 0 if n % 2 else 3)
            rows, partition = quarantine(f"d-{n}", 20), {"delivery": f"d-{n}"}
            assert lake.write(QUARANTINE, rows, partition=partition, once=f"d-{n}")
            assert not lake.write(QUARANTINE, rows, partition=partition, once=f"d-{n}")
        assert lake.read(DROPS)["drop"].to_pylist() == [str(n) for n in range(6)]
        for n in range(6):
            assert lake.read(QUARANTINE, where={"delivery": f"d-{n}"}).equals(quarantine(f"d-{n}", 20))


@pytest.mark.full
def test_a_store_that_stays_away_is_said_within_two_minutes() -> None:
    with s3_store("shelf") as store, proxied(store.variables["AWS_ENDPOINT_URL"]) as proxy:
        options = {name.lower(): value for name, value in s3_variables(proxy).items()}
        lake = Lake("s3://shelf/lake", options)
        lake.log(DROPS, lambda log: [{"drop": "a"}])
        make_trouble(proxy, 600)
        for step in (
            lambda: lake.log(DROPS, lambda log: [{"drop": "b"}]),
            lambda: StoredDrop(lake.storage).open("a.png"),
        ):
            began = time.monotonic()
            with pytest.raises(AssayError, match="s3://shelf/lake"):
                step()
            assert time.monotonic() - began < 120
        make_trouble(proxy, 0)
        assert lake.read(DROPS)["drop"].to_pylist() == ["a"]
