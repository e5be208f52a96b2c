"""What a step took, kept in the lake and shown beside what it made."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from assets.around import Passed, around
from assets.partitions import drop_of
from assets.specs import Materialized
from resources.engines.log_lines import lines_about
from resources.engines.metering import Meter
from resources.lake.tables import Lake
from resources.status.costs import Embedded, StepRun, record_cost

Given = ParamSpec("Given")
Made = TypeVar("Made")


def costed(compute: Callable[Given, Made], *, name: str = "") -> Callable[Given, Made]:
    """Around an asset's function, which takes `lake`: lines that it logs name the step; its time and processor seconds
    become metadata of what it makes, up to when that was made, and a row of `step_costs`, also where it fails. They are
    of the step, or of the part of one that has this name; and of the `drop` that the function takes, or the run's."""
    return around(compute, lambda arguments: _recorded(arguments["lake"], _step(name, arguments)))


@contextmanager
def _recorded(lake: Lake, step: StepRun) -> Generator[Passed]:
    meter = Meter()
    embedded: list[Embedded] = []

    def passed(made: object) -> object:
        embedded.extend(_embedded(made))
        return _with_cost(meter, made)

    def keep(*, done: bool) -> None:
        record_cost(lake, step, meter.read(), done=done, embedded=embedded[-1] if embedded else None)

    try:
        with lines_about(run=step.run, step=step.step, drop=step.drop):
            yield passed
    except BaseException:
        with suppress(Exception):  # what the step failed of says more, and may be the lake
            keep(done=False)
        raise
    keep(done=True)


def _embedded(made: object) -> list[Embedded]:
    """What assets.embeddings says of a delivery."""
    if not isinstance(made, dg.MaterializeResult):
        return []
    metadata = cast("Mapping[str, Any]", cast("Materialized", made).metadata or {})
    if "images_new" not in metadata:
        return []
    new, known = (metadata[f"images_{kind}"] + metadata[f"texts_{kind}"] for kind in ("new", "known"))
    return [Embedded(new, known, metadata["seconds"] if metadata["device"].startswith("cuda") else 0.0)]


def _with_cost(meter: Meter, made: object) -> object:
    if not isinstance(made, dg.MaterializeResult):
        return made
    result = cast("Materialized", made)
    metadata = cast("Mapping[str, Any]", result.metadata or {})
    taken = meter.read()
    cost = {"seconds": round(taken.seconds, 2), "processor seconds": round(taken.processor_seconds, 2)}
    return dg.MaterializeResult(
        asset_key=result.asset_key,
        metadata={**metadata, **cost},
        check_results=result.check_results,
        data_version=result.data_version,
        tags=result.tags,
    )


def _step(name: str, arguments: Mapping[str, Any]) -> StepRun:
    context = dg.AssetExecutionContext.get()
    step = name or context.op_execution_context.op_handle.name
    return StepRun(context.run.run_id, context.run.job_name, step, drop_of(context, arguments))
