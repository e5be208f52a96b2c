"""`assay run`: drops in, a version out."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import (
    DONE,
    FAILED,
    ConfigOption,
    DebugOption,
    JsonOption,
    LakeOption,
    app,
    err,
    out,
    print_json,
    settings_of,
    told,
)
from pipelines.tables import version_table
from resources.lake_address import lake_of
from resources.progress import RichProgress, SilentProgress
from resources.publishing import current_version, version_of
from resources.reporting import report_path
from resources.watching import drop_name

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
    with told(debug=debug):
        settings = settings_of(config)
        named = {drop_name(path): path for path in drops or []}
        from pipelines.execution import run_all  # the engines take seconds to import

        outcomes = run_all(lake, settings, named, progress=SilentProgress() if as_json else RichProgress(err))
        summary = summarise(lake, outcomes)
    if as_json:
        print_json(summary)
    else:
        show(lake, outcomes, debug=debug)
    raise typer.Exit(DONE if all(outcome.success for outcome in outcomes) else FAILED)


def summarise(lake: str, outcomes: list["Outcome"]) -> dict[str, Any]:
    """What a program wants to know of a run."""
    store = lake_of(lake)
    version = current_version(store)
    return {
        "success": all(outcome.success for outcome in outcomes),
        "version": version,
        "report": None if version is None else str(report_path(store, version)),
        "runs": [
            {
                "job": outcome.job,
                "drop": outcome.drop,
                "success": outcome.success,
                "gate_failures": list(outcome.gate_failures),
                "error": outcome.error,
                "run_id": outcome.run_id,
            }
            for outcome in outcomes
        ],
    }


def show(lake: str, outcomes: list["Outcome"], *, debug: bool) -> None:
    """What a person wants to know of a run: what failed first, then the current version and where to look."""
    for outcome in outcomes:
        for failure in outcome.gate_failures:
            err.print(f"[bold red]gate failed:[/] {failure}", soft_wrap=True, highlight=False)
        if outcome.error:
            err.print(f"[bold red]error:[/] {outcome.error}", soft_wrap=True, highlight=False, markup=True)
            if debug and outcome.stack:
                err.print(outcome.stack, highlight=False, markup=False)
    store = lake_of(lake)
    version = current_version(store)
    if version is None:
        out.print("No version has been published yet.")
        return
    out.print(version_table(version_of(store, version)))
    tables = ", ".join(f"{store.root}/{name}/version={version}" for name in ("curated", "curriculum"))
    out.print(f"tables   {tables}", soft_wrap=True, highlight=False)
    out.print(f"report   {report_path(store, version)}", soft_wrap=True, highlight=False)
    out.print(f"lineage  make dev LAKE={lake}    (the Dagster UI, on 127.0.0.1:3000)", soft_wrap=True, highlight=False)
