"""What steps cost: a row of `step_costs` for each that ran."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ops.core.measure_schemas import STEP_COSTS
from resources.engines.metering import Taken
from resources.lake.compaction import compact
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step as Dagster runs it. `drop` is empty for a step of the corpus."""

    run: str
    job: str
    step: str
    drop: str = ""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The contents (images and texts) that a step embedded, those that had their vectors from before, and the seconds
    by the clock in which its encoders held GPUs."""

    contents: int
    known: int
    gpu_seconds: float


def record_cost(lake: Lake, step: StepRun, taken: Taken, *, done: bool, embedded: Embedded | None = None) -> None:
    """Keeps what a step took, whether it came to its end or failed, and what it embedded, if it did."""
    row = {
        "at": datetime.now(UTC),
        "run": step.run,
        "job": step.job,
        "step": step.step,
        "drop": step.drop or None,
        "outcome": "done" if done else "failed",
        "seconds": taken.seconds,
        "processor_seconds": taken.processor_seconds,
        "embedded": embedded and embedded.contents,
        "known": embedded and embedded.known,
        "gpu_seconds": embedded and embedded.gpu_seconds,
    }
    lake.log(STEP_COSTS, lambda _: [row])
    compact(lake, STEP_COSTS)
