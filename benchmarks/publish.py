"""What publishing costs: verdicts, candidate, gate, publication, trying another policy, and exports, by number of
examples.

    .venv/bin/python -m benchmarks.publish --examples 100000 1000000
    .venv/bin/python -m benchmarks.publish --examples 100000 1000000 --exports jsonl llava
    .venv/bin/python -m benchmarks.publish --examples 5000 20000 --exports llava hf --pictures 2000

Builds a lake of synthetic rows with real tables (text only, so that pictures do not hide what the steps themselves
cost), runs each step in this process (once; what writes nothing three times, of which the quickest counts), and prints
seconds (`cpu`: of all its threads together, which other work on the machine stretches less), rows a second, the peak of
memory in each step, and the exponents with which wall and processor time grew from the first size to the last. With
`--exports` it times these formats alone, and with `--pictures` each example shows one of so many JPEG files of about 70
kB. The shape of the rows: two turns an example, a tenth of them with a duplicate, a fifth weighed down.
"""

import argparse
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.made_up import MEASURES, fill_drop, store_pictures
from ops.decision.policy import Action, Condition, Policy, Rule
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.export.export import export_version
from resources.gates.gates import candidate_gate
from resources.lake.shares import shares_of
from resources.lake.tables import Lake
from resources.versions.candidates import build_candidate
from resources.versions.decisions import Grounds, examples_of, judge
from resources.versions.policy_trial import try_policy
from resources.versions.publishing import compare, publish

TRIES = 3
"""Runs of a step that writes nothing, of which the quickest counts."""


def policy(words: int) -> Policy:
    long = Rule("long", "difficulty", (Condition.parse(f"answer_words > {words}"),), Action.DOWNWEIGHT, "long", 0.5)
    copy = Rule("copy", "duplicates", (Condition.parse("copies >= 2"),), Action.DROP, "a copy")
    return Policy((copy, long))


def fill(lake: Lake, count: int, pictures: int = 0) -> None:
    """Examples and measures as ingest and the audits leave them."""
    fill_drop(lake, "bench", count, images=store_pictures(lake, pictures))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step: seconds by the clock and of the processor, and the process's peak of memory in GB."""

    wall_s: float
    cpu_s: float
    peak_gb: float


@contextmanager
def timed(figures: dict[str, Cost], step: str) -> Iterator[None]:
    Path("/proc/self/clear_refs").write_text("5")  # the kernel's peak starts anew (Linux)
    began, worked = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - began, time.process_time() - worked
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    cost = Cost(wall, cpu, int(status["VmHWM"].split()[0]) / 1e6)
    figures[step] = min(cost, figures.get(step, cost), key=lambda measured: measured.wall_s)


def run(count: int, folder: Path, exports: Sequence[str], pictures: int) -> dict[str, Cost]:
    """What each step costs on a lake of `count` examples; with exports, what these cost alone."""
    lake = Lake(folder / str(count))
    fill(lake, count, pictures)
    settings = replace(load_settings(), policy=policy(20))
    figures: dict[str, Cost] = {}
    given: dict[str, Any] = {
        "deliveries": ["bench-1"],
        "measures": MEASURES,
        "code": "bench",
        "encoder": "bench",
        "progress": SilentProgress(),
    }
    if exports:
        publish(lake, build_candidate(lake, settings=settings, **given), {})
        for to in exports:
            place = folder / f"{to}-{count}"
            with timed(figures, f"export {to}"):
                export_version(lake, 1, to=to, folder=place, progress=SilentProgress())
            shutil.rmtree(place)
        return figures
    grounds = Grounds(lake, {}, ("bench-1",), MEASURES, settings.policy)
    for _ in range(TRIES):
        with timed(figures, "verdicts"):
            for share in shares_of({"bench-1": count}):
                view = grounds.view(share)
                judge(grounds, view, examples_of(view))
    with timed(figures, "candidate"):
        candidate = build_candidate(lake, settings=settings, **given)
    with timed(figures, "gate"):
        gate = candidate_gate(lake, candidate.version, deliveries=["bench-1"], settings=settings.gates)
    if not gate.success:
        raise SystemExit(gate.message)
    with timed(figures, "publish"):
        publish(lake, candidate, gate.results)
    for _ in range(TRIES):
        with timed(figures, "policy try"):
            trial = try_policy(lake, policy(10))
        assert trial.change.counts["reweighted"]["all"] > 0
    other = build_candidate(lake, settings=replace(settings, policy=policy(10)), **given)
    publish(lake, other, {})
    for _ in range(TRIES):
        with timed(figures, "diff"):
            compare(lake, 1, 2)
    return figures


def main(
    sizes: Sequence[int], exports: Sequence[str] = (), pictures: int = 0, say: Callable[[str], None] = print
) -> None:
    """Run each size and print the figures, as a table and as JSON."""
    costs_by_step: dict[int, dict[str, Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        run(1000, Path(folder), exports, pictures)  # imports, and the first use of every engine
        for count in sizes:
            costs_by_step[count] = run(count, Path(folder), exports, pictures)
            shutil.rmtree(Path(folder) / str(count))
            for step, cost in costs_by_step[count].items():
                rate = count / max(cost.wall_s, 1e-9)
                seconds = f"{cost.wall_s:8.2f} s  {cost.cpu_s:8.2f} s cpu"
                say(f"{count:>9,}  {step:<18} {seconds}  {rate:>12,.0f} rows/s   peak {cost.peak_gb:.2f} GB")
    if len(sizes) > 1:
        for step in costs_by_step[sizes[0]]:
            first, last = (costs_by_step[size][step] for size in (sizes[0], sizes[-1]))
            steps = math.log(sizes[-1] / sizes[0])
            wall, cpu = (math.log(b / a) / steps for a, b in ((first.wall_s, last.wall_s), (first.cpu_s, last.cpu_s)))
            say(f"{step:<18} grows with exponent {wall:.2f} by the clock, {cpu:.2f} of the processor")
    say(json.dumps({str(count): {k: asdict(v) for k, v in costs.items()} for count, costs in costs_by_step.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--exports", nargs="*", default=[], help="time these formats instead of the steps before")
    parser.add_argument("--pictures", type=int, default=0, help="pictures that the examples show")
    chosen = parser.parse_args()
    main(chosen.examples, chosen.exports, chosen.pictures)
