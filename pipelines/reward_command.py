"""`assay reward`: whether a reward can be hacked, before a run of RL finds out how."""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.core.errors import UnusableError
from ops.rewards.findings import PASS, REJECT
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import DONE, FAILED, err, out
from pipelines.tables import titled
from pipelines.version_commands import lake_at
from resources.config.located_yaml import SettingsError
from resources.engines.progress import RichProgress
from resources.intake.admission import admitted_deliveries
from resources.rewards.auditing import RewardAudit, audit_reward, draw_examples
from resources.rewards.function import STYLES, RewardFunction

_COLOURS = {"pass": "green", "warn": "yellow", "reject": "bold red"}
StyleOption = Annotated[str, typer.Option("--style", help=f"How the function is called: {', '.join(STYLES)}.")]
TemplateOption = Annotated[
    str, typer.Option("--template", help="The form that the reward wants answers in, with {answer} in it.")
]
NetworkOption = Annotated[bool, typer.Option("--allow-network", help="Let the function reach the network.")]
ExamplesOption = Annotated[int, typer.Option("--examples", min=1, help="How many of the lake's examples are drawn.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for a batch of some 40 completions.")]


@app.command()
def reward(
    function: Annotated[str, typer.Argument(metavar="FILE.py:FUNCTION", help="The reward function.")],
    lake: LakeOption = "lake",
    style: StyleOption = "trl",
    template: TemplateOption = "{answer}",
    examples: ExamplesOption = 200,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    allow_network: NetworkOption = False,
    timeout: TimeoutOption = 60.0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tries a reward function on the lake's own questions: is it blind, can it be hacked, and by what?

    The function is run in a process of its own, because you name it; nothing that a drop brought is ever run.
    The exit status is 0 where it passes or warns, 1 where it is rejected.
    """
    path, _, name = function.rpartition(":")
    if not path or not name.isidentifier():
        raise SettingsError(f"{function!r} names no function; give FILE.py:FUNCTION")
    if style not in STYLES:
        raise SettingsError(f"--style is {style!r}; give one of {', '.join(STYLES)}")
    if "{answer}" not in template:
        raise SettingsError(f"--template is {template!r}; it must hold {{answer}}, where the answer stands")
    store = lake_at(lake)
    deliveries = admitted_deliveries(store)
    if not deliveries:
        raise UnusableError("no drop of the lake is admitted; run `assay run DROP` first")
    drawn = draw_examples(store, deliveries, examples, seed=seed)
    with RewardFunction(Path(path), name, style=style, timeout_s=timeout, network=allow_network) as asked:
        audit = audit_reward(asked, store, drawn, template=template, progress=RichProgress(err), seed=seed)
    if as_json:
        print_json(audit.as_json())
    else:
        _show(audit)
    raise typer.Exit(FAILED if audit.verdict == REJECT else DONE)


def _show(audit: RewardAudit) -> None:
    of = f"{audit.cases} questions, {audit.visual_cases} of them with pictures, {audit.questions} completions"
    named = f": {', '.join(audit.named)}" if audit.named else ""
    out.print(f"[{_COLOURS[audit.verdict]}]{audit.verdict}[/]{named}   ({of})", highlight=False, soft_wrap=True)
    table = Table("verdict", "finding", "probe", "cases", "moved", "size", box=SIMPLE_HEAD, padding=(0, 1))
    for one in audit.findings:
        if one.name == one.probe and one.verdict == PASS:
            continue  # Of all questions, and nothing to say.
        verdict = f"[{_COLOURS[one.verdict]}]{one.verdict}[/]"
        table.add_row(verdict, one.name, one.probe, f"{one.cases:,}", f"{one.share:.0%}", f"{one.size:+.2f}")
    out.print(titled("What it was tried with", table))
    for one in audit.findings:
        if one.verdict != PASS:
            line = f"{one.name} ({one.probe}): {one.detail}; as in example {one.worst}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
