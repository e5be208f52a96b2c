"""`assay backfill`: measures what other settings, another encoder or a raised revision have left to measure."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, app, print_json, settings_of
from pipelines.faults import DONE, out
from pipelines.run_command import spoken, status_of
from pipelines.version_commands import lake_at

if TYPE_CHECKING:
    from resources.status.backfill import DropWork

FromOption = Annotated[str, typer.Option("--from", help="First drop, by name; left out: from the first.")]
ToOption = Annotated[str, typer.Option("--to", help="Last drop, by name, included; left out: to the last.")]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", help="Only this audit; may be given several times.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what is to do and how long it may take; do nothing.")]


@app.command()
def backfill(
    first: FromOption = "",
    last: ToOption = "",
    only: OnlyOption = None,
    dry_run: DryOption = False,
    lake: LakeOption = "lake",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measures the drops of the corpus that lack measures under these settings, all in one process.

    After a change of the encoder, of an audit's settings or of its revision. `assay run` does the same for all drops
    and then makes a version. What is measured is not measured again: a backfill that was stopped goes on.
    """
    store, settings, chosen = lake_at(lake), settings_of(config), list(only or ())
    from pipelines.estimates import rates  # the engines take seconds to import
    from pipelines.execution import backfill as execute
    from pipelines.execution import open_instance
    from resources.status.backfill import backfill_work

    works = backfill_work(store, settings, first=first, last=last, only=chosen)
    with open_instance(lake) as instance:
        seconds = rates(instance).seconds(works) if works else 0.0
    if as_json and dry_run:
        print_json({"drops": [asdict(work) for work in works], "seconds": seconds})
        return
    if not as_json:
        _show(works, seconds)
    if dry_run or not works:
        raise typer.Exit(DONE)
    progress, tell = spoken(settings, lake=lake, as_json=as_json, debug=debug)
    outcomes = execute(lake, settings, works, only=chosen, progress=progress, tell=tell)
    if as_json:
        runs = [{"drop": o.drop, "success": o.success, "error": o.error, "run_id": o.run_id} for o in outcomes]
        print_json({"success": all(o.success for o in outcomes), "runs": runs})
    else:
        done = sum(outcome.success for outcome in outcomes)
        out.print(f"{done} of {len(outcomes)} drops measured. `assay run --lake {lake}` makes a version of them.")
    raise typer.Exit(status_of(outcomes))


def _show(works: "list[DropWork]", seconds: float | None) -> None:
    if not works:
        out.print("Nothing is to be measured: every drop of the corpus is, under these settings.")
        return
    table = Table("drop", "examples", "audits to run", "images to embed", "texts to embed", box=SIMPLE_HEAD)
    for work in works:
        figures = (work.examples, len(work.audits), work.images, work.texts)
        table.add_row(work.drop, *(f"{figure:,}" for figure in figures))
    out.print(table)
    estimate = "no earlier run tells how long that takes" if seconds is None else f"about {_duration(seconds)}"
    out.print(f"{len(works)} drops: {estimate}.", highlight=False)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
