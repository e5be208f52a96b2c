"""Runs the jobs in this process and says what came of them: the thin layer between the command line and Dagster.

The runs are recorded in the lake's own Dagster instance, so that they show in the UI.
"""

import logging
import re
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from assets.measures import MEASURES
from assets.partitions import drops
from ops.core.arrow import column_values
from ops.core.errors import MissingError
from ops.core.measure_schemas import CANARIES
from ops.core.schemas import DROPS, EXAMPLES
from pipelines.definitions import bind
from pipelines.faults import is_mendable
from pipelines.instance import home_of, show_in_ui
from pipelines.killed_runs import end_killed_runs, host_tag
from resources.config.settings import Settings
from resources.config.spark_settings import QUICK_ROWS
from resources.engines.private import sweep_passing
from resources.engines.progress import Progress
from resources.engines.spark import start_ahead
from resources.intake.drop_folders import most_rows
from resources.intake.old_readings import old_readings
from resources.lake.tables import Lake
from resources.measuring.recorded import unmeasured_drops
from resources.models.encoder_source import encoder_identity
from resources.status.backfill import DropWork
from resources.versions.entering import decided


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: the gates that failed, the error that stopped it, and where to read more. `run_id` is empty
    where the job did not run, as there was nothing for it to do."""

    job: str
    drop: str | None
    success: bool
    gate_failures: tuple[str, ...]
    rejected: bool
    """Whether the ingest gate rejected the drop, so that nothing of it was measured."""
    error: str | None
    stack: str | None
    run_id: str
    fault: bool = False
    """Whether the error is one of Assay itself, which nobody outside its code can mend."""
    alarms: tuple[str, ...] = ()
    """What the run lived through and a person should see: faults of Assay itself, canaries that fewer rules find."""


def run_all(
    lake: str | Path,
    settings: Settings,
    paths: Mapping[str, str],
    *,
    progress: Progress,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """The drop job for each drop (path by name), for drops that an older reader read and whose files are still there,
    and for drops measured under other settings; then the corpus job.

    A drop that is rejected, or whose measures fail a gate, does not stop the others: the version is made without it and
    says so. Where nothing enters a version, the corpus job does not run. `tell` hears of each outcome as it comes.
    """
    definitions = bind(lake, settings, progress=progress)
    store = Lake(lake)
    outcomes: list[Outcome] = []

    def came(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    with open_instance(lake) as instance, _spark_ahead(store, settings, paths):
        for name, path in paths.items():
            came(run_drop(definitions, instance, drop=name, path=path))
        again = {
            reading.drop: reading for reading in old_readings(store) if reading.readable and reading.drop not in paths
        }
        for name, reading in again.items():
            came(run_drop(definitions, instance, drop=name, path=reading.source, unchanged=reading.delivery))
        for name in unmeasured_drops(store, settings=settings, encoder=encoder_identity(settings.encoder)):
            if name not in paths and name not in again:
                came(measure_drop(definitions, instance, drop=name))
        problem = why_no_version(store, settings)
        came(_not_run("corpus_job", problem) if problem else run_corpus(definitions, instance))
    return outcomes


@contextmanager
def _spark_ahead(lake: Lake, settings: Settings, paths: Mapping[str, str]) -> Generator[None]:
    """Starts Spark, which the corpus job will want, beside the reading of drops that have not come before, where all is
    so small that its start is much of the run, and takes no memory that others need."""
    rows = [sum(part.rows for part in lake.parts(EXAMPLES)), *(most_rows(path) for path in paths.values())]
    known = set(column_values(lake.read(DROPS, columns=["drop"]), "drop", str))
    most = sum(count for count in rows if count is not None)
    if settings.spark.master or None in rows or most >= QUICK_ROWS or set(paths) <= known:
        yield
        return
    starting = start_ahead(settings.spark.sized(most))
    try:
        yield
    finally:
        starting.join()


def backfill(
    lake: str | Path,
    settings: Settings,
    works: Sequence[DropWork],
    *,
    only: Collection[str],
    progress: Progress,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Measures these drops one after another, so that the engines start once; what is measured already is not measured
    again, so that one that was killed goes on where it was. `tell` hears of each outcome as it comes."""
    definitions = bind(lake, settings, progress=progress)
    outcomes: list[Outcome] = []
    with open_instance(lake) as instance:
        for work in works:
            outcomes.append(measure_drop(definitions, instance, drop=work.drop, audits=only))
            tell(outcomes[-1])
    return outcomes


def why_no_version(lake: Lake, settings: Settings) -> str:
    """What stands in the way of a version, before any engine works for it, and what to do; empty where nothing does."""
    try:
        entering = decided(lake, settings=settings, encoder=encoder_identity(settings.encoder))
    except MissingError as error:
        return str(error)
    if entering.deliveries:
        return ""
    if not entering.left_out:
        return "the lake holds no drop to make a version of; read one with `assay run DROP`"
    return "\n".join(["no version was made, for no drop enters one:", *(one.line for one in entering.left_out)])


def _not_run(job: str, problem: str) -> Outcome:
    return Outcome(job, None, False, (), rejected=False, error=problem, stack=None, run_id="")


def open_instance(lake: str | Path) -> dg.DagsterInstance:
    """The Dagster instance of the lake; its folder is made (resources/storage/state.py says where). Runs that stand as
    started and whose process is gone are marked as failed, and their folders for temporary files removed."""
    instance = dg.DagsterInstance.from_config(str(home_of(lake)))
    end_killed_runs(instance)
    sweep_passing()
    return instance


def run_drop(
    definitions: dg.Definitions, instance: dg.DagsterInstance, *, drop: str, path: str, unchanged: str = ""
) -> Outcome:
    """Runs the drop job for one drop; `unchanged` as in `resources.intake.ingest.ingest`."""
    instance.add_dynamic_partitions(str(drops.name), [drop])
    config = {"ops": {"ingest": {"config": {"path": path, "unchanged": unchanged}}}}
    return _execute(definitions, instance, "drop_job", drop=drop, config=config)


def measure_drop(
    definitions: dg.Definitions, instance: dg.DagsterInstance, *, drop: str, audits: Collection[str] = ()
) -> Outcome:
    """Runs the part of the drop job that measures, with these audits (empty: all, and canaries): for a drop admitted
    before, under other settings."""
    tables = [table for table, audit in MEASURES.items() if audit in audits] if audits else [*MEASURES, CANARIES.name]
    return _execute(definitions, instance, "drop_job", drop=drop, assets=["embeddings", *tables])


def run_corpus(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Outcome:
    """Runs the corpus job over every admitted drop."""
    return _execute(definitions, instance, "corpus_job")


def _execute(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    *,
    drop: str | None = None,
    config: Mapping[str, object] | None = None,
    assets: Sequence[str] | None = None,
) -> Outcome:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    logging.getLogger("dagster._core.execution.plan.active").addFilter(_worth_saying)
    show_in_ui(instance, job)
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=drop,
        raise_on_error=False,
        run_config={**quiet, **(config or {})},
        tags=host_tag(),
        asset_selection=None if assets is None else [dg.AssetKey(name) for name in assets],
    )
    amiss = [check for check in result.get_asset_check_evaluations() if not check.passed]
    failed = [check for check in amiss if check.severity is dg.AssetCheckSeverity.ERROR]
    error = _first_error(result)
    return Outcome(
        job=job,
        drop=drop,
        success=result.success and not failed,
        gate_failures=tuple(check.description or check.check_name for check in failed),
        rejected=any(check.check_name == "ingest_gate" for check in failed),
        alarms=(*_alarms(result), *(check.description or check.check_name for check in amiss if check not in failed)),
        error=None if failed or error is None else _words(error),
        stack=error and error.to_string(),
        run_id=result.run_id,
        fault=not failed and error is not None and not is_mendable(error.cls_name or ""),
    )


def _worth_saying(record: logging.LogRecord) -> bool:
    """A step that is skipped gives no result of its checks; Dagster would say so on the console."""
    return not record.getMessage().startswith("Blocking asset check")


def _alarms(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    alarms = [str(one.metadata["alarm"].value) for one in made if "alarm" in one.metadata]
    return tuple(dict.fromkeys(alarms))


def _first_error(result: dg.ExecuteInProcessResult) -> SerializableErrorInfo | None:
    """Of the first step that failed: the first of its error and that error's causes that a caller can mend, for it says
    more than what caused it; where none is, what caused them all."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            causes = [error] if error else []
            while causes and causes[-1].cause is not None:
                causes.append(causes[-1].cause)
            if causes:
                return next((cause for cause in causes if is_mendable(cause.cls_name or "")), causes[-1])
    return None


def _words(error: SerializableErrorInfo) -> str:
    """What it says; of an error that a caller can mend without the name of its class."""
    message, name = error.message.strip(), error.cls_name or ""
    if name == "DagsterExecutionInterruptedError":
        return "the run was told to stop; run the same again: it goes on from what is done"
    return re.sub(rf"^[\w.]*{re.escape(name)}: ", "", message) if is_mendable(name) else message
