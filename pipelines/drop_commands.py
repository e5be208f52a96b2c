"""`assay status` and `assay withdraw`: the drops of a lake, what enters the next version, and taking a drop out."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.core.errors import UnusableError
from ops.decision.versions import LeftOut
from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, app, print_json, settings_of
from pipelines.faults import out
from pipelines.version_commands import described, lake_at
from resources.intake.admission import undo_withdrawal, withdraw
from resources.versions.publishing import current_version, version_of

_STATES = {"gate": "gate failed", "arrived": "not gated", "unmeasured": "not measured"}
UndoOption = Annotated[bool, typer.Option("--undo", help="Take the drop back in.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; the versions without the drop say so.")]


@app.command(name="withdraw")
def withdraw_command(
    drop: Annotated[str, typer.Argument(help="Name of the drop.")],
    lake: LakeOption = "lake",
    undo: UndoOption = False,
    note: NoteOption = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Takes a drop out of the next version. Its rows and measures stay, and so do the versions that have it.

    Running the drop again takes it back in, as does --undo.
    """
    store = lake_at(lake)
    delivery = undo_withdrawal(store, drop) if undo else withdraw(store, drop, note=note)
    if delivery is None:
        state = "is not withdrawn" if undo else "has no delivery in the corpus"
        raise UnusableError(f"drop {drop!r} {state}; `assay status` lists the drops and their states")
    if as_json:
        print_json({"drop": drop, "delivery": delivery, "withdrawn": not undo})
        return
    moved = "is back in" if undo else "is taken out of"
    out.print(f"Delivery {delivery} {moved} the next version: `assay run` makes it.", soft_wrap=True, highlight=False)


@app.command()
def status(
    lake: LakeOption = "lake", config: ConfigOption = None, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Shows the drops and their states, what the next version leaves out and why, and the current version."""
    store = lake_at(lake)
    settings = settings_of(config)
    from pipelines.failed_runs import failed_runs  # Dagster and the engines take seconds to import
    from resources.status.standing import standing
    from resources.versions.pending import pending

    now, ahead, failed = standing(store, settings), pending(store, settings), failed_runs(lake)
    number = current_version(store)
    current = None if number is None else described(version_of(store, number))
    if as_json:
        drops = [asdict(drop) for drop in now.drops]
        left_out = [asdict(reading) | {"line": reading.line} for reading in (*now.left_out, *now.blocking)]
        old = [asdict(reading) | {"line": reading.line} for reading in now.old_readings]
        unmeasured = {drop: list(lacks) for drop, lacks in ahead.unmeasured.items()}
        more = {"old_readings": old, "next_version": not now.blocking}
        more |= {"changes": ahead.changes, "unmeasured": unmeasured}
        more |= {"failed_runs": [asdict(run) | {"line": run.line} for run in failed]}
        print_json({"current": current, "drops": drops, "left_out": left_out} | more)
        return
    _show(now.left_out, now.blocking, current)
    for part in (*now.old_readings, *failed):
        out.print(part.line, soft_wrap=True, highlight=False, markup=False)
    line = f"Next run: {ahead.summary}."
    out.print(line, soft_wrap=True, highlight=False, markup=False)
    if ahead.unmeasured:
        out.print("`assay backfill --dry-run` tells what measuring costs.", highlight=False)
    table = Table("drop", "state", "kept", "rows", "since", "current", box=SIMPLE_HEAD)
    for drop in now.drops:
        counts = f"{drop.rows_kept:,}", f"{drop.rows_in:,}"
        state = _STATES.get(drop.state, drop.state)
        table.add_row(drop.drop, state, *counts, f"{drop.at:%Y-%m-%d %H:%M}", "yes" if drop.in_current else "no")
    out.print(table if now.drops else "The lake holds no drop.")


def _show(left_out: tuple[LeftOut, ...], blocking: tuple[LeftOut, ...], current: dict[str, Any] | None) -> None:
    if current is None:
        out.print("No version has been published yet.")
    else:
        without = f", made without {'; '.join(LeftOut(**part).subject for part in current['left_out'])}"
        line = f"Version {current['version']} is current{without if current['left_out'] else ''}."
        out.print(line, soft_wrap=True, highlight=False, markup=False)
    for part in left_out:
        out.print(f"The next version leaves out {part.line}", soft_wrap=True, highlight=False, markup=False)
    for part in blocking:
        out.print(f"No version can be made before {part.line}", soft_wrap=True, highlight=False, markup=False)
