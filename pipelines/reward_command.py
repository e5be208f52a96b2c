"""`assay reward`: whether a reward can be hacked, before a run of RL finds out how."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.core.grades import PASS, REJECT
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import DONE, FAILED, err, out
from pipelines.tables import marked, titled
from pipelines.version_commands import lake_at
from resources.engines.progress import RichProgress
from resources.rewards.auditing import RewardAudit
from resources.rewards.function import STYLES
from resources.rewards.lake_audits import Trial, audit_on_lake
from resources.rewards.preferences import audit_preferences
from resources.rewards.table import audit_column

PREFERENCES = "preferences"
_MOST_PAIRS = 20_000
StyleOption = Annotated[str, typer.Option("--style", help=f"How the function is called: {', '.join(STYLES)}.")]
TemplateOption = Annotated[
    str, typer.Option("--template", help="The form that the reward wants answers in, with {answer} in it.")
]
NetworkOption = Annotated[bool, typer.Option("--allow-network", help="Let the function reach the network.")]
ExamplesOption = Annotated[int, typer.Option("--examples", min=1, help="How many of the lake's examples are drawn.")]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="Parquet file for the weights of preferences, by example_id.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for a batch of some 40 completions.")]


@app.command()
def reward(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REWARD",
            help="FILE.py:FUNCTION, an http(s) address, a folder, FILE.parquet:COLUMN, or the word preferences.",
        ),
    ],
    lake: LakeOption = "lake",
    style: StyleOption = "trl",
    template: TemplateOption = "{answer}",
    examples: ExamplesOption = 200,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    allow_network: NetworkOption = False,
    timeout: TimeoutOption = 60.0,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tries a reward on the lake's own questions: is it blind, can it be hacked, and by what?

    Of `preferences`, the lake's own pairs: what would a reward model that is trained on them learn instead of looking?
    A function is run in a process of its own, because you name it; nothing that a drop brought is ever run.
    The exit status is 0 where it passes or warns, 1 where it is rejected.
    """
    trial = Trial(reference, style, template, examples, timeout, allow_network, seed)
    if reference == PREFERENCES:
        _preferences(lake, weights, seed=seed, as_json=as_json)
    if trial.column:
        audit = audit_column(*trial.column)  # of any lake or none
    else:
        audit = audit_on_lake(lake_at(lake), trial, progress=RichProgress(err))
    if as_json:
        print_json(audit.as_json())
    else:
        _show(audit)
    raise typer.Exit(FAILED if audit.verdict == REJECT else DONE)


def _preferences(lake: str, weights: Path | None, *, seed: int, as_json: bool) -> NoReturn:
    audit = audit_preferences(lake_at(lake), most=_MOST_PAIRS, seed=seed)
    if weights:
        audit.write_weights(weights)
    if as_json:
        print_json(audit.as_json())
    else:
        out.print(f"{marked(audit.verdict)}   ({len(audit.pairs)} pairs)", highlight=False)
        table = Table("verdict", "alone", "tells", "95 %", "weighed", box=SIMPLE_HEAD, padding=(0, 1))
        for shortcut in audit.shortcuts.shortcuts:
            low, high = shortcut.interval
            verdict = marked(shortcut.verdict)
            interval = f"{low:.0%} to {high:.0%}"
            table.add_row(verdict, shortcut.name, f"{shortcut.share:.0%}", interval, f"{shortcut.share_weighed:.0%}")
        out.print(titled("Pairs whose chosen side is told without the picture", table))
        kept = f"Weights against length and style leave {audit.shortcuts.effective_share:.0%} of the effective sample"
        out.print(kept + (f"; they are in {weights}." if weights else "; --weights FILE.parquet writes them."))
    raise typer.Exit(FAILED if audit.verdict == REJECT else DONE)


def _show(audit: RewardAudit) -> None:
    of = f"{audit.cases} questions, {audit.visual_cases} of them with pictures, {audit.questions} completions"
    named = f": {', '.join(audit.named)}" if audit.named else ""
    out.print(f"{marked(audit.verdict)}{named}   ({of})", highlight=False, soft_wrap=True)
    table = Table("verdict", "finding", "probe", "cases", "moved", "size", box=SIMPLE_HEAD, padding=(0, 1))
    for finding in audit.findings:
        if finding.name == finding.probe and finding.verdict == PASS:
            continue  # Counted over all questions: there is none of them.
        verdict = marked(finding.verdict)
        table.add_row(
            verdict, finding.name, finding.probe, f"{finding.cases:,}", f"{finding.share:.0%}", f"{finding.size:+.2f}"
        )
    out.print(titled("What it was tried with", table))
    for finding in audit.findings:
        if finding.verdict != PASS:
            example = f"; as in {finding.worst}" if finding.worst else ""
            line = f"{finding.name} ({finding.probe}): {finding.detail}{example}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
