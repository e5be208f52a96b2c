"""Ingest killed with SIGKILL at five points and run again, and run by two at once: the tables are those of one run."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.drops import everything, llava, make_drop

POINTS = ["parsing", "parsed", "images committed", "half the tables committed", "before the log"]

# Runs ingest in a process of its own and kills that process, and with it its Ray, at the point asked for.
CRASH = """
    import os, signal, sys
    from ops.intake.rows import IngestSettings
    from ops.core.schemas import IMAGES, PREFERENCES
    from resources.intake import ingest as module
    from resources.engines.ray import ray_map, start_ray
    from resources.lake.tables import Lake
    from resources.engines.progress import SilentProgress

    lake_root, drop, point = sys.argv[1:]

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    class DyingLake(Lake):
        def append(self, spec, staged):
            super().append(spec, staged)
            if point == "images committed":
                die()

        def commit(self, spec, staged, *, once):
            done = super().commit(spec, staged, once=once)
            return die() if point == "half the tables committed" and spec is PREFERENCES else done

        def log(self, spec, make_rows):
            return die() if point == "before the log" else super().log(spec, make_rows)

    class DyingProgress(SilentProgress):
        def track(self, label, total=None):
            if label == "Write the tables" and point == "parsed":
                die()
            return super().track(label, total)

    class Dying:
        def __call__(self, *args, **options):
            for n, result in enumerate(ray_map(*args, **options)):
                yield result
                if options["label"] == "Check rows and images" and point == "parsing" and n == 1:
                    die()

    module.ray_map = Dying()
    start_ray(num_cpus=2, object_store_bytes=100_000_000)
    settings = IngestSettings(shard_bytes=1 << 16)
    module.ingest(DyingLake(lake_root), drop, "flowers", settings=settings, progress=DyingProgress())
"""


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    environment = {**os.environ, "RAY_ADDRESS": "local", "PYTHONPATH": str(root)}
    return subprocess.Popen(command, cwd=root, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def crash(lake: Path, drop: Path, point: str) -> None:
    process = started(CRASH, str(lake), str(drop), point)
    try:
        _, error = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL, error


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [llava(n % 120, f"{n % 4}.png", "x" * 1500) for n in range(200)]
    rows[7]["image"] = "gone.png"
    pairs = [{"prompt": f"What {n}?", "chosen": "a", "rejected": "b", "images": ["images/0.png"]} for n in range(20)]
    folder = make_drop(tmp_path_factory.mktemp("crash") / "drop", rows, pairs)
    (folder / "images" / "3.png").write_bytes((folder / "images" / "3.png").read_bytes()[:70])
    return folder


@pytest.fixture(scope="module")
def undisturbed(drop: Path, ray_session: None, tmp_path_factory: pytest.TempPathFactory):
    lake = Lake(tmp_path_factory.mktemp("undisturbed"))
    ingest(lake, drop, "flowers", settings=IngestSettings(), progress=SilentProgress())
    return everything(lake)


@pytest.mark.full
@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again(point: str, drop: Path, undisturbed, tmp_path: Path):
    crash(tmp_path / "lake", drop, point)
    lake = Lake(tmp_path / "lake")
    assert everything(lake)["drops"] == []
    delivery = ingest(lake, drop, "flowers", settings=IngestSettings(shard_bytes=1 << 16), progress=SilentProgress())
    assert delivery.fresh
    assert everything(lake) == undisturbed
    assert not list((tmp_path / "lake" / ".scratch").glob("*"))


TAKE = """
    import sys
    from ops.intake.rows import IngestSettings
    from resources.engines.ray import start_ray
    from resources.intake.ingest import ingest
    from resources.lake.tables import Lake
    from resources.engines.progress import SilentProgress

    start_ray(num_cpus=1, object_store_bytes=100_000_000)
    print("ready", flush=True)
    sys.stdin.readline()
    delivery = ingest(
        Lake(sys.argv[1]), sys.argv[2], "flowers", settings=IngestSettings(shard_bytes=1 << 16),
        progress=SilentProgress(),
    )
    print("fresh" if delivery.fresh else "known", delivery.rows_in)
"""


@pytest.mark.full
def test_two_processes_take_the_same_drop_at_once(drop: Path, undisturbed, tmp_path: Path):
    takers = [started(TAKE, str(tmp_path / "lake"), str(drop)) for _ in range(2)]
    try:
        assert [taker.stdout.readline() for taker in takers] == ["ready\n"] * 2
        for taker in takers:
            taker.stdin.write("go\n")
            taker.stdin.flush()
        outputs = [taker.communicate(timeout=200) for taker in takers]
    finally:
        for taker in takers:
            taker.kill()
    assert [taker.returncode for taker in takers] == [0, 0], outputs
    assert sorted(out for out, _ in outputs) == ["fresh 220\n", "known 220\n"]
    assert everything(Lake(tmp_path / "lake")) == undisturbed
