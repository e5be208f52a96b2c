"""`assay sample` and `assay calibrate`: examples for reviewers to label, and what their labels tell of the rules."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.core.errors import UnusableError
from ops.core.log import Row
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import out
from pipelines.review_command import LATEST, VersionArgument, asked_version
from pipelines.tables import titled
from pipelines.version_commands import lake_at
from resources.review.calibrating import calibrate, take_labels
from resources.review.sampling import MEASURE, write_sample

RowsOption = Annotated[int, typer.Option("--rows", help="How many examples to draw.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the draw.")]
MeasureOption = Annotated[str, typer.Option("--measure", help="AUDIT.COLUMN, by whose deciles examples are drawn.")]
TargetOption = Annotated[float, typer.Option("--target", help="Precision that a threshold is suggested for.")]


@app.command()
def sample(
    version: VersionArgument = LATEST,
    lake: LakeOption = "lake",
    rows: RowsOption = 200,
    seed: SeedOption = 0,
    measure: MeasureOption = MEASURE,
    folder: Annotated[Path, typer.Option("--out", help="Folder that the pages are written into.")] = Path("labels"),
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Draws examples over all verdicts and the deciles of a measure, and writes pages on which reviewers label them,
    blind to the verdict; and tasks of Label Studio."""
    store = lake_at(lake)
    done = write_sample(store, asked_version(store, version), folder, rows=rows, seed=seed, measure=measure)
    if as_json:
        print_json(asdict(done))
        return
    out.print(f"Sample {done.sample}: {done.examples} examples of {done.strata} strata.", highlight=False)
    for path in (*done.pages, done.label_studio):
        out.print(str(path), soft_wrap=True, highlight=False)


@app.command(name="calibrate")
def calibrate_command(
    files: Annotated[list[Path], typer.Argument(metavar="LABELS.csv...", help="What reviewers exported.")],
    lake: LakeOption = "lake",
    target: TargetOption = 0.9,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Takes in the labels of a sample, and tells how right each rule is, how well reviewers agree, how many examples
    are faulty, and which threshold would do; with 95 % intervals."""
    require_target(target)
    store = lake_at(lake)
    done = calibrate(store, take_labels(store, files), target=target)
    if as_json:
        print_json(asdict(done))
        return
    text = f"Sample {done.sample} of version {done.version}: {done.labelled} of {done.sampled} examples have a label."
    out.print(text, highlight=False)
    out.print(_rules(done.rows))
    for row in done.rows:
        if row["subject"] in ("faults", "reviewers", "suggested", "probability"):
            out.print(
                f"{row['subject']}, {row['name']}: {row['figure']} {_label_line(row)}", highlight=False, soft_wrap=True
            )
    if not any(row["subject"] == "suggested" for row in done.rows):
        out.print(f"No threshold of {done.measure} reaches a precision of {target:g} on ten labels.", highlight=False)


def require_target(target: float) -> None:
    """UnusableError where it is no precision."""
    if not 0 < target <= 1:
        raise UnusableError(f"--target is a precision above 0 and up to 1, not {target}")


def _rules(rows: Sequence[Row]) -> object:
    figures = ("precision", "recall", "false_positive_rate")
    table = Table("rule", *(name.replace("_", " ") for name in figures), box=SIMPLE_HEAD, padding=(0, 1))
    by_rule: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["subject"] == "rule":
            by_rule.setdefault(row["name"], {})[row["figure"]] = row
    for name, own in by_rule.items():
        table.add_row(name, *(_label_line(own[figure]) for figure in figures))
    return titled("Rules, over all examples of the version", table)


def _label_line(row: Row) -> str:
    if row["value"] is None:
        return "no label tells"
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f}; {row['rows']})"
