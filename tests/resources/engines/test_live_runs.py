"""Who is at work in a lake is known while it is, and of one that was killed it is known that it is no more."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resources.engines import live_runs
from resources.engines.live_runs import at_work, oldest_run
from resources.lake.tables import Lake

KILLED = """
import os, signal, sys
from resources.engines.live_runs import at_work
from resources.lake.tables import Lake

with at_work(Lake(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_is_at_work_until_it_ends(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert oldest_run(lake) is None
    before = datetime.now(UTC)
    with at_work(lake):
        oldest = oldest_run(lake)
        with at_work(lake):
            assert oldest_run(lake) == oldest
    assert oldest is not None
    assert before <= oldest <= datetime.now(UTC)
    with pytest.raises(RuntimeError), at_work(lake):
        raise RuntimeError
    assert oldest_run(lake) is None
    assert lake.storage.sizes(".runs") == {}


def test_a_killed_run_is_not_at_work(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert len(lake.storage.sizes(".runs")) == 1
    assert oldest_run(lake) is None
    with at_work(lake):
        assert len(lake.storage.sizes(".runs")) == 1, "whoever comes next clears up"


def test_one_that_says_nothing_any_more_is_taken_for_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    monkeypatch.setattr(live_runs, "LEASE", -live_runs.LEASE)
    with at_work(lake):
        assert oldest_run(lake) is None
