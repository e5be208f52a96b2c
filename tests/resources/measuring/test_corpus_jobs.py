"""Of two runs that want the same measures one makes them; what ended without them is waited for no longer."""

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.core.log import Log
from ops.core.measure_schemas import CORPUS_JOBS
from ops.core.schemas import DIALOGUES, EXAMPLES
from ops.text.turn_rows import TURN_RULES
from resources.lake.tables import Lake
from resources.measuring import corpus_jobs
from resources.measuring.corpus_jobs import Job, earlier_measures, record_done, undertaken
from resources.measuring.earlier import usable_earlier

JOB = Job("duplicates", "family", "identity", ("a-1", "b-1"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def states(lake: Lake) -> list[str]:
    return [row["state"] for row in Log.of(lake.read(CORPUS_JOBS)).rows]


def test_of_two_runs_one_makes_the_measures(lake: Lake) -> None:
    made: list[int] = []

    def run(number: int) -> bool:
        with undertaken(lake, JOB, lambda: bool(made), poll_s=0.01) as mine:
            if mine:
                made.append(number)
                record_done(lake, JOB, rows=3, knows="", made_from="")
            return mine

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [False, False, False, True]
    assert len(made) == 1
    assert states(lake) == ["begun", "done"]


def test_a_run_that_failed_leaves_the_job_to_the_next(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), undertaken(lake, JOB, lambda: False):
        raise ZeroDivisionError
    with undertaken(lake, JOB, lambda: False) as mine:
        assert mine
    assert states(lake) == ["begun", "failed", "begun"]


def test_a_killed_run_is_waited_for_no_longer(lake: Lake) -> None:
    program = """
import os, sys
from resources.lake.tables import Lake
from resources.measuring.corpus_jobs import Job, undertaken
with undertaken(Lake(sys.argv[1]), Job("duplicates", "family", "identity", ()), lambda: False):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program, lake.root], check=False).returncode == -9
    assert states(lake) == ["begun"]
    with undertaken(lake, JOB, lambda: False) as mine:
        assert mine


def test_of_another_machine_the_end_of_its_time_is_waited_for(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    row: dict[str, Any] = {"audit": JOB.audit, "identity": JOB.identity, "state": "begun", "owner": "elsewhere:1:1:x"}
    lake.log(CORPUS_JOBS, lambda _: [row | {"until": datetime.now(UTC) + timedelta(seconds=0.6)}])
    began = datetime.now(UTC)
    with undertaken(lake, JOB, lambda: False, poll_s=0.05) as mine:
        assert mine
    assert datetime.now(UTC) - began > timedelta(seconds=0.3)


def done(lake: Lake, deliveries: Mapping[str, str], made_from: str = "") -> None:
    for identity, names in deliveries.items():
        job = Job("duplicates", "family", identity, tuple(names))
        record_done(lake, job, rows=len(names), knows="", made_from=made_from)


def test_the_nearest_measures_are_taken_up(lake: Lake) -> None:
    job = Job("duplicates", "family", "now", ("a", "b", "c", "d"))
    rows = {"a": 100, "b": 10, "c": 5, "d": 1}
    assert earlier_measures(lake, job, rows, whole_days=7) is None
    done(lake, {"first": "a", "second": "abc", "third": "acd"})
    nearest = earlier_measures(lake, job, rows, whole_days=7)
    assert nearest is not None
    assert (nearest.identity, list(nearest.deliveries), nearest.rows) == ("second", ["a", "b", "c"], 3)
    assert earlier_measures(lake, Job("duplicates", "another", "now", "a"), rows, whole_days=7) is None


def test_after_some_days_all_is_measured(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("duplicates", "family", "now", ("a", "b"))
    done(lake, {"whole": "a"})
    done(lake, {"carried": "ab"}, made_from="whole")
    assert earlier_measures(lake, job, {}, whole_days=0) is None
    assert earlier_measures(lake, job, {}, whole_days=7) is not None

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=8)

    monkeypatch.setattr(corpus_jobs, "datetime", Later)
    assert earlier_measures(lake, job, {}, whole_days=7) is None


def test_a_small_corpus_is_measured_whole(lake: Lake) -> None:
    for name, count in (("a", 8), ("b", 2)):
        for spec, partition in ((EXAMPLES, {}), (DIALOGUES, {"rules": TURN_RULES})):
            rows = [{"delivery": name, "example_id": str(n), **partition} for n in range(count)]
            made = pa.Table.from_pylist(rows, schema=spec.schema)
            lake.write(spec, made, partition={"delivery": name, **partition}, once=name)
    record_done(lake, Job("duplicates", "family", "first", ("a",)), rows=0, knows="", made_from="")
    audit, job = all_audits()["duplicates"], Job("duplicates", "family", "now", ("a", "b"))
    earlier = usable_earlier(lake, audit, job, None, whole_days=7, whole_below=10)
    assert earlier is not None
    assert earlier.identity == "first"
    assert usable_earlier(lake, audit, job, None, whole_days=7, whole_below=11) is None
