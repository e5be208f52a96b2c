"""The actor that knows which shard stages an image, killed while an ingest runs: the tables are those of one that was
left alone."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.claims import session_actor as actor_of
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.drops import everything, llava, make_drop

SETTINGS = IngestSettings(shard_bytes=1 << 14)


def session_actor() -> Any:
    context = ray.get_runtime_context()
    return actor_of(f"{context.get_node_id()} {context.get_job_id()}")


def kill_process() -> None:
    """As the kernel does it where memory runs out: the actor's process dies, and Ray starts it anew."""
    process: Any = ray.get(session_actor().process.remote())
    os.kill(process, signal.SIGKILL)
    while ray.get(session_actor().process.remote()) == process:
        time.sleep(0.05)


def kill_for_good() -> None:
    ray.kill(session_actor())


class Killer(SilentProgress):
    """Kills the actor, which knows of the ingest, before the first shard is parsed."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self.kill = kill

    def track(self, label: str, total: int | None = None) -> Any:
        if label == "Check rows and images":
            self.kill()
        return super().track(label, total)


@pytest.mark.full
@pytest.mark.parametrize("kill", [kill_process, kill_for_good])
def test_an_actor_that_is_killed_changes_nothing(tmp_path: Path, ray_session: None, kill: Callable[[], None]):
    rows = [llava(n, f"{n % 4}.png", "x" * 1500) for n in range(60)]
    rows[7]["image"] = "gone.png"
    drop = make_drop(tmp_path / "drop", rows)
    (drop / "images" / "3.png").write_bytes((drop / "images" / "3.png").read_bytes()[:70])
    alone, disturbed = Lake(tmp_path / "alone"), Lake(tmp_path / "disturbed")
    ingest(alone, drop, "flowers", settings=SETTINGS, progress=SilentProgress())
    ingest(disturbed, drop, "flowers", settings=SETTINGS, progress=Killer(kill))
    assert everything(disturbed) == everything(alone)
    # The next ingest of the session finds an actor that works.
    next_lake = Lake(tmp_path / "next")
    ingest(next_lake, drop, "flowers", settings=SETTINGS, progress=SilentProgress())
    assert everything(next_lake) == everything(alone)
