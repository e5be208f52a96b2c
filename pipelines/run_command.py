"""`assay run`: drops in, a version out."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ops.decision.versions import headline
from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, app, print_json, settings_of
from pipelines.faults import DONE, FAILED, FAULT, err, out, say_error, say_fault
from pipelines.tables import version_table
from resources.config.settings import Settings
from resources.engines.log_lines import json_logger, lines_about
from resources.engines.progress import Progress, SilentProgress, console_progress
from resources.intake.corpus_drops import kept_out
from resources.intake.drop_folders import drop_name
from resources.intake.old_readings import old_readings
from resources.lake.tables import Lake
from resources.report.report import report_path
from resources.versions.publishing import current_version, version_of

if TYPE_CHECKING:
    from pipelines.execution import Outcome


@app.command()
def run(
    drops: Annotated[
        list[str] | None, typer.Argument(help="Folders (or URLs) of drops, read one after another.")
    ] = None,
    lake: LakeOption = "lake",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Reads drops, audits the corpus and publishes a version. What is done already is not done again.

    Without a drop it audits and publishes what the lake holds.
    """
    settings = settings_of(config)
    named = {drop_name(path): path for path in drops or []}
    from pipelines.execution import run_all  # the engines take seconds to import

    before = current_version(Lake(lake))
    if not as_json:
        say_old_readings(lake, named)
    progress, tell = spoken(settings, lake=lake, as_json=as_json, debug=debug)
    outcomes = run_all(lake, settings, named, progress=progress, tell=tell)
    summary = summarise(lake, outcomes, before=before)
    if as_json:
        print_json(summary)
    else:
        show(lake, outcomes, before=before)
    raise typer.Exit(status_of(outcomes))


def spoken(
    settings: Settings, *, lake: str, as_json: bool, debug: bool
) -> "tuple[Progress, Callable[[Outcome], None]]":
    """How a command says how far it is and what failed, on standard error: `operation.logs` has it as lines of JSON;
    else, where its result is to be JSON, faults alone are said."""
    if settings.operation.logs == "json":
        return console_progress(err, as_json=True), partial(log_outcome, json_logger(err.file))
    progress = SilentProgress() if as_json else console_progress(err)
    return progress, partial(say, lake=lake, debug=debug, faults_alone=as_json)


def log_outcome(logger: logging.Logger, outcome: "Outcome") -> None:
    """Logs what came of a run."""
    with lines_about(run=outcome.run_id, job=outcome.job, drop=outcome.drop or ""):
        for failure in outcome.gate_failures:
            logger.error("gate failed: %s", failure)
        for alarm in outcome.alarms:
            logger.error("alarm: %s", alarm)
        if outcome.error:
            logger.error("%s%s", outcome.error, f"\n{outcome.stack}" if outcome.fault else "")
        if outcome.success:
            logger.info("done")


def say_old_readings(lake: str, named: Iterable[str] = ()) -> None:
    """Says which drops an older reader read, but for those `named` that are read now, and that those whose files are
    there are read again."""
    for reading in old_readings(Lake(lake)):
        if reading.drop not in named:
            now = "; it is read again now if these files are still the same" if reading.readable else ""
            out.print(f"{reading.line}{now}", soft_wrap=True, highlight=False, markup=False)


def summarise(lake: str, outcomes: list["Outcome"], *, before: int | None) -> dict[str, object]:
    """What a program wants to know of a run. `before` is the version that was current when it began."""
    store = Lake(lake)
    version = current_version(store)
    left_out = () if version is None else kept_out(store, version_of(store, version))
    return {
        "success": all(outcome.success for outcome in outcomes),
        "version": version,
        "published": version if _published(outcomes) and version != before else None,
        "left_out": [asdict(one) for one in left_out],
        "old_readings": [asdict(one) | {"line": one.line} for one in old_readings(store)],
        "report": None if version is None else report_path(store, version),
        "runs": [
            {
                "job": outcome.job,
                "drop": outcome.drop,
                "success": outcome.success,
                "gate_failures": list(outcome.gate_failures),
                "alarms": list(outcome.alarms),
                "error": outcome.error,
                "fault": outcome.fault,
                "run_id": outcome.run_id,
            }
            for outcome in outcomes
        ],
    }


def status_of(outcomes: list["Outcome"]) -> int:
    """The exit status of a run."""
    if any(outcome.fault for outcome in outcomes):
        return FAULT
    return DONE if all(outcome.success for outcome in outcomes) else FAILED


def say(outcome: "Outcome", *, lake: str, debug: bool, faults_alone: bool = False) -> None:
    """Says what failed, as soon as it did; of a fault of Assay, where its trace is."""
    of = f"drop {outcome.drop!r}: " if outcome.drop else ""
    if outcome.fault:
        say_fault(f"{of}{outcome.error}", outcome.stack or "", lake)
    for alarm in outcome.alarms:
        err.print(f"[bold red]alarm:[/] {escape(alarm)}", soft_wrap=True, highlight=False)
    if faults_alone:
        return
    for failure in outcome.gate_failures:
        err.print(f"[bold red]gate failed:[/] {escape(failure)}", soft_wrap=True, highlight=False)
    if outcome.error and not outcome.fault:
        say_error(of + outcome.error)
    if outcome.error and debug and outcome.stack:
        err.print(outcome.stack, highlight=False, markup=False)


def show(lake: str, outcomes: list["Outcome"], *, before: int | None = None) -> None:
    """What a person wants to know after a run: the version and what it leaves out, and where to look. Where none was
    published, that; the figures of the one before would look like the result."""
    store = Lake(lake)
    number = current_version(store)
    if number is None:
        out.print("No version has been published yet.")
        return
    version = version_of(store, number)
    if not _published(outcomes):
        out.print(f"No version was published: version {number} stays current, as it was.", highlight=False)
        return
    left_out = kept_out(store, version)
    if left_out:  # else the table's title is the first line
        out.print(headline(number, left_out), soft_wrap=True, highlight=False, markup=False)
        out.print(f"assay status --lake {lake} tells what to do.", soft_wrap=True, highlight=False, markup=False)
    for reading in old_readings(store):
        out.print(reading.line, soft_wrap=True, highlight=False, markup=False)
    if number == before:
        out.print("It was current before: nothing that decides a version has changed.", highlight=False)
    out.print(version_table(version))
    tables = ", ".join(f"{store.root}/{name}/version={number}" for name in ("curated", "curriculum"))
    out.print(f"tables   {tables}", soft_wrap=True, highlight=False)
    out.print(f"report   {report_path(store, number)}", soft_wrap=True, highlight=False)
    out.print(f"lineage  make dev LAKE={lake}    (the Dagster UI, on 127.0.0.1:3000)", soft_wrap=True, highlight=False)


def _published(outcomes: list["Outcome"]) -> bool:
    """Whether the corpus job ran to its end: its version is current, newly or still."""
    return any(outcome.job == "corpus_job" and outcome.success for outcome in outcomes)
