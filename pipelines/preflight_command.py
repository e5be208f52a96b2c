"""`assay preflight`: what a trainer would do with the rows of a version or of a drop."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ops.audits.preflight import PreflightSettings
from ops.core.schemas import DROPS
from ops.preflight.contract import Outcome
from ops.preflight.registry import all_families, all_trainers
from ops.preflight.tally import Tally
from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, app, print_json, settings_of
from pipelines.faults import err, out
from pipelines.tables import titled
from pipelines.version_commands import lake_at
from resources.config.settings import read_yaml
from resources.engines.progress import RichProgress
from resources.lake.tables import Lake
from resources.preflight.preflight import Preflight, preflight_drop, preflight_version
from resources.versions.publishing import versions

_LOST = (Outcome.DROPPED, Outcome.REPLACED)
_SHOWN_IDS = 12
SubjectArgument = Annotated[str, typer.Argument(help="Number of a version, or name of a drop.", metavar="VERSION|DROP")]
TrainerOption = Annotated[str, typer.Option("--trainer", help=f"The trainer: {', '.join(all_trainers())}.")]
LimitsOption = Annotated[
    Path | None,
    typer.Option(
        "--limits",
        help="A YAML file of the model's and the run's limits; left out: audits.preflight.trainers in assay.yaml. "
        f"Models: {', '.join(all_families())}.",
    ),
]


@app.command()
def preflight(
    subject: SubjectArgument,
    trainer: TrainerOption,
    limits: LimitsOption = None,
    lake: LakeOption = "lake",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Says what a trainer would do with every row: read, cut, resize, drop, replace it, or stop at it."""
    if trainer not in all_trainers():
        raise typer.BadParameter(f"{trainer!r} is none of {', '.join(all_trainers())}", param_hint="--trainer")
    given, where = _given(trainer, limits, config)
    forecast = _forecast(lake_at(lake), subject, trainer, given, where)
    if as_json:
        print_json(_described(forecast))
        return
    _show(forecast)


def _given(trainer: str, limits: Path | None, config: Path | None) -> tuple[dict[str, Any], str]:
    if limits is not None:
        return read_yaml(limits).values, str(limits)
    chosen = settings_of(config).audit("preflight")
    named: PreflightSettings = chosen
    return dict(named.trainers.get(trainer, {})), f"audits.preflight.trainers.{trainer}"


def _forecast(store: Lake, subject: str, trainer: str, given: dict[str, Any], where: str) -> Preflight:
    """Of the version of that number; a drop may be called by a number that no version has."""
    progress = RichProgress(err)
    is_drop = store.read(DROPS, where={"drop": subject}, columns=["drop"]).num_rows > 0
    is_version = subject.isdecimal() and int(subject) in {version.number for version in versions(store)}
    if is_version or (subject.isdecimal() and not is_drop):
        number = int(subject)
        return preflight_version(store, number, trainer=trainer, given=given, where=where, progress=progress)
    return preflight_drop(store, subject, trainer=trainer, given=given, where=where, progress=progress)


def _described(forecast: Preflight) -> dict[str, object]:
    return {
        "subject": forecast.subject,
        "trainer": forecast.trainer.name,
        "rules_of": forecast.trainer.version,
        "limits": asdict(forecast.limits),
        "tokens": "estimated" if forecast.is_estimate else "counted",
        "rows": forecast.rows,
        "outcomes": [_tally(tally) for tally in forecast.tallies],
        "set_aside": {"rows": forecast.aside, "outcomes": [_tally(tally) for tally in forecast.aside_tallies]},
    }


def _tally(tally: Tally) -> dict[str, object]:
    return {**asdict(tally), "outcome": tally.outcome.value, "says": tally.says, "fix": tally.fix}


def _show(forecast: Preflight) -> None:
    title = (
        f"{forecast.subject[:1].upper()}{forecast.subject[1:]} in {forecast.trainer.title} {forecast.trainer.version}"
    )
    out.print(titled(f"{title}, for {forecast.limits.model}: {forecast.rows:,} rows", _table(forecast.tallies)))
    if forecast.aside:
        named = f"{forecast.aside:,} rows that ingest set aside, as the trainer would meet them in the drop's own files"
        out.print(titled(named, _table(forecast.aside_tallies)))
    for line in _lines(forecast):
        out.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(tallies: tuple[Tally, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading, side in (
        ("outcome", "left"),
        ("rows", "right"),
        ("answer\ntokens lost", "right"),
        ("the row", "left"),
    ):
        table.add_column(heading, justify="right" if side == "right" else "left", overflow="fold")
    table.add_column("for example", overflow="fold")
    for tally in tallies:
        lost = f"{tally.answer_tokens_lost:,}" if tally.answer_tokens_lost else ""
        first = tally.examples[0]
        example = f"{first.row_id[:_SHOWN_IDS]} ({first.origin})" + (f": {first.detail}" if first.detail else "")
        fix = f"{tally.says}; {tally.fix}" if tally.fix else tally.says
        table.add_row(tally.outcome.value, f"{tally.rows:,}", lost, Text(fix), Text(example if tally.reason else ""))
    return table


def _lines(forecast: Preflight) -> list[str]:
    """What the table does not say."""
    lines: list[str] = []
    lost, stops = forecast.count(*_LOST), forecast.count(Outcome.CRASHED)
    if stops:
        lines.append(f"{stops:,} rows would stop the run.")
    if lost:
        lines.append(f"{lost:,} rows would not be learnt, and the run would not say so.")
    if forecast.count(Outcome.REPLACED):
        lines.append("Each replaced row makes another one, drawn at random, count once more.")
    if forecast.is_estimate:
        lines.append("Tokens are estimated: name the model's tokenizer.json as `tokenizer` among the limits.")
    return lines
