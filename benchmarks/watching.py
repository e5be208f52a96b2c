"""What one look of the sensor costs over a watched folder with many drops, all known from the look before.

python -m benchmarks.watching --drops 1000 10000
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg

from pipelines.sensors import new_drops
from resources.config.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, nargs="+", default=[1_000, 10_000])
    for count in parser.parse_args().drops:
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
            for n in range(count):
                _fill(Path(folder) / f"drop-{n:06d}")
            with dg.DagsterInstance.local_temp(home) as instance:
                _measure(Path(folder), instance, count)


def _fill(drop: Path) -> None:
    drop.mkdir()
    (drop / "rows.jsonl").write_text("{}")
    (drop / "_SUCCESS").touch()


def _measure(folder: Path, instance: dg.DagsterInstance, count: int) -> None:
    settings = load_settings(None)
    sensor = new_drops(replace(settings, ingest=replace(settings.ingest, watched=str(folder))))
    cursor: str | None = None
    looks = ["the first, which opens all", "one without anything new", "one with a new drop"]
    for number, name in enumerate(looks):
        if number == 2:
            _fill(folder / "new")
        began, spent = time.perf_counter(), sum(os.times()[:2])
        result = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
        assert isinstance(result, dg.SensorResult)
        cursor = result.cursor
        wall, processor = time.perf_counter() - began, sum(os.times()[:2]) - spent
        runs = len(result.run_requests or ())
        print(f"{count:,} drops, {name}: {processor:.2f} processor s, {wall:.2f} s, {runs} runs, {len(cursor or '')} B")


if __name__ == "__main__":
    main()
