"""What each step costs by number of examples: the clock, the processor, memory of the driver and of all, files.

    .venv/bin/python -m benchmarks.scale --examples 10000 100000 1000000
    .venv/bin/python -m benchmarks.scale --steps verdicts gate export --examples 10000000 --folder /tmp/scale

Each step runs in a process of its own, so that no step inherits another's memory, on the lake that the steps before it
left. The lake has eight drops, of text with one example in ten showing one of 100 pictures; `made` writes rows as
ingest and the audits of the policy leave them, so that the steps of a version can be tried at sizes that Ray and Spark
would take a night for here. Figures: seconds by the clock and of the processor (all processes), peaks of memory of the
driver (resident) and of all processes (proportional), Parquet files left in the lake, and, over sizes, the exponents
with which each grew from the first to the last.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.made_up import MEASURES, fill_drop, store_pictures
from benchmarks.meter import Cost, metered
from benchmarks.publish import policy
from resources.config.settings import Settings, load_settings
from resources.engines.progress import SilentProgress
from resources.export.export import export_version
from resources.gates.gates import candidate_gate
from resources.lake.tables import Lake
from resources.versions.candidates import build_candidate
from resources.versions.policy_trial import try_policy
from resources.versions.publishing import Candidate, publish, versions

DROPS = 8
PICTURES = 100
QUIET = SilentProgress()


@dataclass(frozen=True, slots=True)
class Bench:
    """The folder of one size: its lake, and what is made of it."""

    folder: Path
    examples: int

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "lake")

    @property
    def deliveries(self) -> list[str]:
        return [f"drop-{number}-1" for number in range(DROPS)]

    @property
    def settings(self) -> Settings:
        return replace(load_settings(), policy=policy(20))

    @property
    def last(self) -> Candidate:
        """The version that was begun last."""
        last = versions(self.lake)[-1]
        return Candidate(last.number, last.content, last.counts, fresh=True)


def made(bench: Bench) -> None:
    image_ids = store_pictures(bench.lake, PICTURES)
    for number in range(DROPS):
        share = bench.examples // DROPS
        fill_drop(bench.lake, f"drop-{number}", share, images=image_ids if number == 0 else (), seed=number)


def candidate(bench: Bench) -> None:
    made_of = {"deliveries": bench.deliveries, "measures": MEASURES, "code": "bench", "encoder": "bench"}
    build_candidate(bench.lake, settings=bench.settings, progress=QUIET, **made_of)


def gate(bench: Bench) -> None:
    result = candidate_gate(bench.lake, bench.last.version, deliveries=bench.deliveries, settings=bench.settings.gates)
    if not result.success:
        raise SystemExit(result.message)


def publication(bench: Bench) -> None:
    publish(bench.lake, bench.last, {})


def trial(bench: Bench) -> None:
    assert try_policy(bench.lake, policy(10)).change.counts["reweighted"]["all"] > 0


def export(bench: Bench) -> None:
    to = bench.folder / "export"
    shutil.rmtree(to, ignore_errors=True)
    export_version(bench.lake, 1, to="llava", folder=to, progress=QUIET)


STEPS: dict[str, Callable[[Bench], None]] = {
    "made": made,
    "candidate": candidate,
    "gate": gate,
    "publish": publication,
    "policy try": trial,
    "export": export,
}


def in_own_process(step: str, bench: Bench) -> Cost:
    """Run the step in a fresh interpreter, which prints its cost last."""
    command = [sys.executable, "-m", "benchmarks.scale", "--one", step, "--folder", str(bench.folder)]
    done = subprocess.run([*command, "--examples", str(bench.examples)], stdout=subprocess.PIPE, check=True, text=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def exponents(costs: Sequence[tuple[int, Cost]]) -> str:
    """With which each figure grew from the first size to the last."""
    (first, before), (last, after) = costs[0], costs[-1]
    step = math.log(last / first)
    figures = [
        f"{name} {math.log(getattr(after, name) / getattr(before, name)) / step:.2f}"
        for name in ("wall_s", "cpu_s", "driver_gb", "all_gb")
        if getattr(before, name) > 0 < getattr(after, name)
    ]
    return ", ".join(figures)


def main(sizes: Sequence[int], steps: Sequence[str], folder: Path) -> None:
    """Run the steps at each size and print the figures, as a table and as JSON."""
    costs: dict[str, list[tuple[int, Cost]]] = {step: [] for step in steps}
    for size in sizes:
        bench = Bench(folder / str(size), size)
        for step in steps:
            cost = in_own_process(step, bench)
            costs[step].append((size, cost))
            memory = f"driver {cost.driver_gb:.2f} GB  all {cost.all_gb:.2f} GB"
            seconds = f"{cost.wall_s:8.1f} s {cost.cpu_s:8.1f} s cpu"
            print(f"{size:>11,}  {step:<12} {seconds}  {memory}  {cost.files} files", flush=True)
    for step, step_cost in costs.items():
        if len(step_cost) > 1:
            print(f"{step:<12} grows with exponent: {exponents(step_cost)}")
    print(json.dumps({step: {size: asdict(cost) for size, cost in found} for step, found in costs.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--folder", type=Path, help="where lakes are kept; without it they go at the end")
    parser.add_argument("--one", choices=list(STEPS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        held = Bench(given.folder, given.examples[0])
        with metered(given.folder) as spent:
            STEPS[given.one](held)
        print(json.dumps(asdict(spent)))
    else:
        with tempfile.TemporaryDirectory(prefix="assay-bench-") as scratch:
            main(given.examples, given.steps, given.folder or Path(scratch))
