"""`assay export`: a published version as files for a trainer."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.core.errors import UnusableError
from ops.decision.curriculum import CONTROLS, Control
from ops.exports.registry import all_exports
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import err, out
from pipelines.tables import key_value_table
from pipelines.version_commands import lake_at
from resources.engines.progress import RichProgress
from resources.export.checking import verify
from resources.export.export import Exported, export_version
from resources.export.placing import export_to

FormatOption = Annotated[str, typer.Option("--to", help=f"The format: {', '.join(all_exports())}.")]
OrderOption = Annotated[
    str, typer.Option("--order", help=f"{', '.join(CONTROLS)}: the curriculum, or a control over the same rows.")
]
RepeatsOption = Annotated[
    int, typer.Option("--repeats", min=0, help="An example of weight w stands w × N times; 0: weights are a column.")
]
BoxesOption = Annotated[
    str | None,
    typer.Option(
        "--boxes",
        help="The scale that boxes are written on: pixels, unit, thousand, 'resized WxH', 'qwen2.5-vl' or "
        "'qwen2.5-vl MIN-MAX' (pixels after its own resize, in that range), or delivered. "
        "Left out: the format's own, if its trainer has one.",
    ),
]
ShardOption = Annotated[int, typer.Option("--shard-rows", min=1, help="Rows a file, where a format has many files.")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes that write shards.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Read the export back and compare every checksum.")]


@app.command()
def export(
    version: int,
    path: Annotated[str, typer.Argument(help="A new folder or address, or an unfinished export to continue.")],
    to: FormatOption,
    lake: LakeOption = "lake",
    order: OrderOption = "own",
    repeats: RepeatsOption = 0,
    boxes: BoxesOption = None,
    shard_rows: ShardOption = 2000,
    workers: WorkersOption = 1,
    check: CheckOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Writes a published version as files for a trainer, in the order of its curriculum."""
    if to not in all_exports():
        raise typer.BadParameter(f"{to!r} is none of {', '.join(all_exports())}", param_hint="--to")
    chosen = _control(order)
    store, progress = lake_at(lake), RichProgress(err)

    def write(folder: str | Path) -> Exported:
        return export_version(
            store,
            version,
            to=to,
            folder=folder,
            progress=progress,
            order=chosen,
            repeats=repeats,
            boxes=boxes,
            shard_rows=shard_rows,
            workers=workers,
        )

    done = export_to(path, write, progress)
    if check:
        _verify(done.place)
    if as_json:
        print_json({**asdict(done), "checked": check})
    else:
        _show(done)


def _verify(place: str) -> None:
    wrong = verify(place)
    if wrong:
        raise UnusableError(f"{place}: {len(wrong)} files are not as they were written, first {wrong[0]}")


def _control(order: str) -> Control:
    known: dict[str, Control] = {control: control for control in CONTROLS}
    if order not in known:
        raise typer.BadParameter(f"{order!r} is none of {', '.join(CONTROLS)}", param_hint="--order")
    return known[order]


def _show(done: Exported) -> None:
    rows = [(f"{kind} rows", f"{count:,}") for kind, count in done.rows.items()]
    rows += [(f"left out: {reason}", f"{count:,}") for reason, count in done.left_out.items()]
    rows += [("files", f"{done.files:,}"), ("pictures as files", f"{done.pictures:,}")]
    rows.append(("size", f"{done.bytes / 1e6:,.1f} MB"))
    title = f"Version {done.version} as {done.format}{'' if done.fresh else ', which was there already'}"
    out.print(key_value_table(rows, title=title))
    out.print(f"{done.place}: datasheet.md says how to read it", soft_wrap=True, highlight=False)
