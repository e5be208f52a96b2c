"""Two processes at the lake at once, and one that is killed: the rows are those of one writer after the other."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.core.log import Log
from ops.core.schemas import DROPS, IMAGES, QUARANTINE
from resources.lake.compaction import compact
from resources.lake.tables import Lake

ROUNDS = 5
Task = Callable[[Lake, int], Any]

_barrier: Any = None


def _meet(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603
    _barrier = barrier


def _run(task: Task, lake: Lake, writer: int) -> Any:
    _barrier.wait(timeout=60)
    return task(lake, writer)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes, which start each task at the same moment."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=_meet, initargs=(context.Barrier(2),)) as executor:
        yield executor


def together(pool: ProcessPoolExecutor, task: Task, lake: Lake) -> list[Any]:
    """What writers 0 and 1 return, having run at once."""
    return [future.result(timeout=120) for future in [pool.submit(_run, task, lake, writer) for writer in (0, 1)]]


def rows(delivery: str, writer: int) -> pa.Table:
    return pa.Table.from_pylist(
        [{"delivery": delivery, "file": f"writer {writer}", "row": n} for n in range(20)], schema=QUARANTINE.schema
    )


def on_disk(lake: Lake, table: str) -> set[str]:
    return {str(path) for path in (Path(lake.root) / table).rglob("*.parquet") if "_delta_log" not in path.parts}


def write_same_partition_once(lake: Lake, writer: int) -> list[bool]:
    return [
        lake.write(QUARANTINE, rows(f"d{n}", writer), partition={"delivery": f"d{n}"}, once=f"d{n}")
        for n in range(ROUNDS)
    ]


def write_same_partition(lake: Lake, writer: int) -> list[bool]:
    return [
        lake.write(QUARANTINE, rows("d", writer), partition={"delivery": "d"}, once=f"{writer} {n}")
        for n in range(ROUNDS)
    ]


def write_own_partitions(lake: Lake, writer: int) -> list[bool]:
    names = [f"{writer}-{n}" for n in range(ROUNDS)]
    return [lake.write(QUARANTINE, rows(name, writer), partition={"delivery": name}, once=name) for name in names]


def write_content(lake: Lake, writer: int) -> list[str]:
    for n in range(ROUNDS):
        # Half of each round's keys are the other writer's too.
        keys = [f"{n} shared {i}" for i in range(10)] + [f"{n} of {writer}, {i}" for i in range(10)]
        rows = [{"image_id": key, "bytes": key.encode()} for key in keys]
        lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(rows, schema=IMAGES.schema), {}))
        if n % 3 == writer:
            compact(lake, IMAGES, least=2)
    return []


def append_to_log(lake: Lake, writer: int) -> list[int]:
    def more(log: Log) -> list[dict[str, Any]]:
        # What a row says of the log must still hold where it comes to stand.
        return [{"drop": str(writer), "rows_in": len(log.rows) + i} for i in range(1 + writer)]

    return [row["sequence"] for _ in range(ROUNDS) for row in lake.log(DROPS, more)]


def test_the_same_partition_is_written_by_one_of_two(pool: ProcessPoolExecutor, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first, second = together(pool, write_same_partition_once, lake)
    assert [a + b for a, b in zip(first, second, strict=True)] == [1] * ROUNDS
    for n, mine in enumerate(first):
        stored = lake.read(QUARANTINE, where={"delivery": f"d{n}"})
        assert stored.num_rows == 20
        assert set(stored["file"].to_pylist()) == {f"writer {0 if mine else 1}"}
    assert on_disk(lake, "quarantine") == set(lake.files(QUARANTINE))


@pytest.mark.parametrize("task", [write_same_partition, write_own_partitions])
def test_commits_of_other_names_all_land(pool: ProcessPoolExecutor, tmp_path: Path, task: Task) -> None:
    lake, apart = Lake(tmp_path / "together"), Lake(tmp_path / "one after the other")
    assert together(pool, task, lake) == [[True] * ROUNDS] * 2
    assert [task(apart, 0), task(apart, 1)] == [[True] * ROUNDS] * 2
    order = [("delivery", "ascending"), ("file", "ascending"), ("row", "ascending")]
    assert lake.read(QUARANTINE).sort_by(order).equals(apart.read(QUARANTINE).sort_by(order))
    assert lake.read(QUARANTINE).num_rows == 2 * ROUNDS * 20


def test_content_of_two_writers_is_there_whoever_compacts(pool: ProcessPoolExecutor, tmp_path: Path) -> None:
    lake, apart = Lake(tmp_path / "together"), Lake(tmp_path / "one after the other")
    together(pool, write_content, lake)
    write_content(apart, 0)
    write_content(apart, 1)
    for place in (lake, apart):
        compact(place, IMAGES, least=1, like=1e9)
    assert lake.read(IMAGES).equals(apart.read(IMAGES))
    assert lake.read(IMAGES).num_rows == ROUNDS * 30


def test_the_log_has_no_gap_and_no_repeat(pool: ProcessPoolExecutor, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    appended = together(pool, append_to_log, lake)
    log = lake.read(DROPS)
    assert log["sequence"].to_pylist() == log["rows_in"].to_pylist() == list(range(3 * ROUNDS))
    for writer in (0, 1):
        mine = [row["sequence"] for row in log.to_pylist() if row["drop"] == str(writer)]
        assert mine == appended[writer]
    assert on_disk(lake, "drops") == set(lake.files(DROPS))


# Stages rows, or is still staging them, says so, and waits to be killed.
DOOMED = """
import sys, time
import pyarrow as pa
from ops.core.schemas import QUARANTINE
from resources.lake.tables import Lake
lake, how = Lake(sys.argv[1]), sys.argv[2]
def batches():
    for n in range(3):
        rows = [{"delivery": "b", "row": i} for i in range(100_000)]
        yield pa.RecordBatch.from_pylist(rows, schema=QUARANTINE.schema)
    if how == "staging":
        print("ready", flush=True)
        time.sleep(60)
staged = lake.stage(QUARANTINE, batches(), {"delivery": "b"})
print("ready", flush=True)
time.sleep(60)
lake.commit(QUARANTINE, staged, once="b")
"""


@pytest.mark.parametrize("how", ["staging", "staged"])
def test_a_killed_writer_leaves_the_last_version(tmp_path: Path, how: str) -> None:
    lake = Lake(tmp_path)
    lake.write(QUARANTINE, rows("a", 0), partition={"delivery": "a"}, once="a")
    before, version = lake.read(QUARANTINE), lake.version(QUARANTINE)
    with subprocess.Popen([sys.executable, "-c", DOOMED, lake.root, how], stdout=subprocess.PIPE, text=True) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "ready\n"
        os.kill(doomed.pid, signal.SIGKILL)
    assert doomed.returncode == -signal.SIGKILL
    assert on_disk(lake, "quarantine") > set(lake.files(QUARANTINE))  # it left something behind
    assert lake.version(QUARANTINE) == version
    assert lake.read(QUARANTINE).equals(before)
    assert lake.write(QUARANTINE, rows("b", 1), partition={"delivery": "b"}, once="b")
    assert lake.read(QUARANTINE, where={"delivery": "b"}).equals(rows("b", 1))
