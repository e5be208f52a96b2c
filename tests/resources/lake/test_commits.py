"""What a commit to a table promises: its name counts once, content is added once, and writers that meet are seen."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.core.log import Log
from ops.core.schemas import DROPS, EXAMPLES, IMAGES, QUARANTINE
from ops.core.version_schemas import VERSIONS
from resources.lake.tables import Lake
from tests.support.tables import images, parquet_files, quarantine


def test_a_name_commits_once(lake: Lake) -> None:
    partition = {"delivery": "a"}
    assert not lake.committed(QUARANTINE, "a")
    first, second = (lake.stage(QUARANTINE, quarantine("a", n), partition) for n in (2, 5))
    assert lake.commit(QUARANTINE, first, once="a")
    assert lake.committed(QUARANTINE, "a")
    assert not lake.commit(QUARANTINE, second, once="a")
    assert not lake.commit(QUARANTINE, first, once="a")  # and the committed files stay
    assert not lake.write(QUARANTINE, quarantine("a", 9), partition=partition, once="a")
    assert lake.read(QUARANTINE).num_rows == 2
    assert parquet_files(lake, QUARANTINE) == set(lake.files(QUARANTINE))


def test_what_was_committed_under_a_name_is_revoked_and_committed_again(lake: Lake) -> None:
    for n in range(25):  # beyond a checkpoint of the log
        lake.write(QUARANTINE, quarantine(f"d{n}"), partition={"delivery": f"d{n}"}, once=f"d{n}")
    before = lake.version(QUARANTINE)
    for name in ("d3", "d24"):
        assert lake.revoke(QUARANTINE, where={"delivery": name}, once=name)
        assert not lake.revoke(QUARANTINE, where={"delivery": name}, once=name)
        assert not lake.committed(QUARANTINE, name)
        assert lake.revoked_of(QUARANTINE, [name, "d5"]) == {name}
    assert not lake.revoke(QUARANTINE, where={"delivery": "unknown"}, once="unknown")
    names = {f"d{n}" for n in range(25)}
    assert lake.committed_of(QUARANTINE, names) == names - {"d3", "d24"}
    assert lake.read(QUARANTINE).num_rows == 23
    assert lake.read(QUARANTINE, version=before).num_rows == 25
    assert lake.write(QUARANTINE, quarantine("d3", 4), partition={"delivery": "d3"}, once="d3")
    assert lake.revoked_of(QUARANTINE, ["d3", "d24"]) == {"d24"}
    assert not lake.write(QUARANTINE, quarantine("d3", 5), partition={"delivery": "d3"}, once="d3")
    for n in range(25):
        lake.write(QUARANTINE, quarantine(f"e{n}"), partition={"delivery": f"e{n}"}, once=f"e{n}")
    assert lake.committed_of(QUARANTINE, names) == names - {"d24"}
    assert lake.read(QUARANTINE, where={"delivery": "d3"}).num_rows == 4


def test_an_empty_partition_is_recorded(lake: Lake) -> None:
    assert lake.stage(QUARANTINE, QUARANTINE.schema.empty_table(), {"delivery": "a"}) == []
    assert lake.write(QUARANTINE, QUARANTINE.schema.empty_table(), partition={"delivery": "a"}, once="a")
    assert not lake.write(QUARANTINE, quarantine("a"), partition={"delivery": "a"}, once="a")
    assert lake.read(QUARANTINE).equals(QUARANTINE.schema.empty_table())


def test_commits_that_would_spoil_the_table_are_refused(lake: Lake) -> None:
    staged = lake.stage(QUARANTINE, quarantine("a"), {"delivery": "a"})
    with pytest.raises(ValueError, match="was staged for another table"):
        lake.commit(EXAMPLES, staged, once="a")
    with pytest.raises(ValueError, match="lake's own transaction"):
        lake.commit(QUARANTINE, staged, once="serial")
    (Path(lake.root) / staged[0].path).unlink()
    with pytest.raises(ValueError, match="now has None"):
        lake.commit(QUARANTINE, staged, once="a")
    assert lake.read(QUARANTINE).num_rows == 0


def test_old_versions_and_names_outlive_checkpoints(lake: Lake) -> None:
    for n in range(45):
        lake.write(QUARANTINE, quarantine(f"d{n}"), partition={"delivery": f"d{n}"}, once=f"d{n}")
    assert list((Path(lake.root) / "quarantine/_delta_log").glob("*.checkpoint.parquet"))
    assert lake.version(QUARANTINE) == 45
    for version in (0, 1, 19, 20, 21, 44):
        assert lake.read(QUARANTINE, version=version).num_rows == version
        assert len(lake.files(QUARANTINE, version=version)) == version
    assert lake.committed(QUARANTINE, "d0")
    assert not lake.write(QUARANTINE, quarantine("d3"), partition={"delivery": "d3"}, once="d3")
    assert lake.read(QUARANTINE, version=-1).num_rows == 0


def test_staged_files_of_content_are_added_once(lake: Lake) -> None:
    staged = [*lake.stage(IMAGES, images("a", "b"), {}), *lake.stage(IMAGES, images("c"), {})]
    lake.append(IMAGES, staged[:1])
    version = lake.version(IMAGES)
    lake.append(IMAGES, staged)
    assert sorted(lake.read(IMAGES)["image_id"].to_pylist()) == ["a", "b", "c"]
    lake.append(IMAGES, staged)
    lake.append(IMAGES, [])
    assert lake.version(IMAGES) == version + 1
    assert parquet_files(lake, IMAGES) == set(lake.files(IMAGES))


def test_the_log_counts(lake: Lake) -> None:
    counts: list[int] = []

    def row(log: Log) -> list[dict[str, Any]]:
        counts.append(len(log.rows))
        return [{"drop": "a", "state": "arrived"}, {"drop": "b", "rows_in": 3}]

    assert [made["sequence"] for made in lake.log(DROPS, row)] == [0, 1]
    assert [made["sequence"] for made in lake.log(DROPS, row)] == [2, 3]
    assert lake.log(DROPS, lambda present: []) == []
    assert counts == [0, 2]
    table = lake.read(DROPS)
    assert table["sequence"].to_pylist() == [0, 1, 2, 3]
    assert table["rows_in"].to_pylist()[1] == 3
    with pytest.raises(ValueError, match=r"unknown columns \['stat'\]"):
        lake.log(DROPS, lambda present: [{"stat": "arrived"}])
    for n in range(12):
        lake.log(VERSIONS, lambda present, n=n: [{"version": n}])
    assert lake.read(VERSIONS)["version"].to_pylist() == list(range(12))  # read in the order of the log


def test_a_writer_that_comes_between_is_seen(lake: Lake) -> None:
    """Each of the three commits, with another writer's commit between its look at the table and its own."""
    lake.log(DROPS, lambda present: [{"drop": "first"}])
    other = pickle.loads(pickle.dumps(lake))  # noqa: S301

    def late(log: Log) -> list[dict[str, Any]]:
        if len(log.rows) == 1:
            other.log(DROPS, lambda present: [{"drop": "between"}])
        return [{"drop": f"after {len(log.rows)}"}]

    lake.log(DROPS, late)
    assert lake.read(DROPS)["drop"].to_pylist() == ["first", "between", "after 2"]
    assert parquet_files(lake, DROPS) == set(lake.files(DROPS))

    widened = replace(QUARANTINE, schema=pa.schema([*QUARANTINE.schema, pa.field("more", pa.string())]))
    lake.commit(QUARANTINE, [], once="nothing")
    log, tried = lake._log(QUARANTINE), []

    def choose(table: Any) -> list[Any] | None:
        if not tried:
            other.commit(widened, [], once="a")  # adds a column and takes the name
        tried.append(table.transaction_version("a"))
        return None if tried[-1] is not None else []

    assert not log.transact("a", choose)
    assert tried == [None, 1]


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 45])
def test_all_commits_are_known_at_once_whatever_the_log_was_folded_into(lake: Lake, count: int) -> None:
    """Delta writes a checkpoint every 20 commits: transactions lie in the last one and in the entries behind it."""
    for n in range(count):
        lake.commit(QUARANTINE, [], once=f"name {n}")
    names = [f"name {n}" for n in range(count)]
    assert lake.committed_of(QUARANTINE, [*names, "another"]) == set(names)
    assert all(lake.committed(QUARANTINE, name) for name in names)
