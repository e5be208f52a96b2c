"""`assay policy worth`, `policy suggest` and `policy override`: which rules earn their keep, which limits labels speak
for, and what is let pass."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.decision.rule_worth import Caught, RuleWorth, worth_lines
from pipelines.app import ConfigOption, DebugOption, JsonOption, LakeOption, policy_app, print_json
from pipelines.faults import out
from pipelines.label_commands import TargetOption, require_target
from pipelines.review_command import LATEST, VersionArgument, asked_version
from pipelines.tables import titled
from pipelines.version_commands import lake_at
from resources.config.policy_edits import policy_diff
from resources.config.settings import load_settings, policy_file
from resources.gates.overrides import Override, record_override
from resources.report.rule_worth import rules_worth
from resources.review.suggesting import At, Suggestion, suggest

DiffOption = Annotated[Path | None, typer.Option("--out", help="File that the diff is written to as well.")]


@policy_app.command(name="worth")
def worth_command(
    version: VersionArgument = LATEST,
    lake: LakeOption = "lake",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What each rule of a version is worth: what it alone keeps out, and what it alone catches of canaries and of what
    reviewers call faulty. Nothing is measured anew, nothing is written."""
    store = lake_at(lake)
    number = asked_version(store, version).number
    worths = rules_worth(store, number)
    if as_json:
        rules = [asdict(worth) | {"removes_much": worth.removes_much, "verdict": worth.verdict} for worth in worths]
        print_json({"version": number, "rules": rules})
        return
    out.print(_worth_table(number, worths))
    for line in worth_lines(worths):
        out.print(line, highlight=False, soft_wrap=True)


@policy_app.command(name="suggest")
def suggest_command(
    version: VersionArgument = LATEST,
    lake: LakeOption = "lake",
    config: ConfigOption = None,
    target: TargetOption = 0.9,
    diff_file: DiffOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Limits for the rules of an assay.yaml that reach a precision by the labels of reviewers, beside the share of
    canaries that they would catch; where no label tells, by canaries alone, at the rate at which they were planted. As
    a diff of the file for a person to accept. Nothing is changed."""
    require_target(target)
    store, path = lake_at(lake), policy_file(config)
    suggestions = suggest(store, asked_version(store, version), load_settings(config).policy, target=target)
    edits = {suggestion.rule: suggestion.edit for suggestion in suggestions if suggestion.edit}
    diff = policy_diff(path.read_text("utf-8"), edits, name=str(path))
    if diff_file is not None:
        diff_file.write_text(diff, "utf-8")
    if as_json:
        print_json({"target": target, "suggestions": list(map(_suggestion, suggestions)), "diff": diff})
        return
    out.print(_suggestion_table(suggestions, target))
    out.print(diff or "No limit is to be moved.", markup=False, highlight=False, soft_wrap=True, end="")


@policy_app.command(name="override")
def override_command(
    group: Annotated[str, typer.Argument(metavar="FAMILY=GROUP", help="As the report names it, such as language=de.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs it.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why the loss is right.")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="Day from which it counts no more.")],
    lake: LakeOption = "lake",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Lets versions lose more of a group than gates.removed_limit_odds allows, for a while, and records who, why and
    until when. A day that is past takes an earlier override back."""
    override = Override.of(group, by=by, why=why, until=until.replace(tzinfo=UTC))
    record_override(lake_at(lake), override)
    if as_json:
        print_json(asdict(override))
        return
    out.print(f"{override.family} {override.group}: {override.words}", markup=False, highlight=False, soft_wrap=True)


def _suggestion(suggestion: Suggestion) -> dict[str, object]:
    sides = {"now": suggestion.now, "proposed": suggestion.proposed}
    row: dict[str, object] = {"rule": suggestion.rule, "by": suggestion.by}
    for name, side in sides.items():
        row[name] = None if side is None else asdict(side) | {"condition": str(side.condition)}
    return row


def _suggestion_table(suggestions: Sequence[Suggestion], target: float) -> object:
    table = Table("rule, limit", "precision", "recall", "canaries", box=SIMPLE_HEAD, padding=0)
    for suggestion in suggestions:
        table.add_row(suggestion.rule if suggestion.by == "labels" else f"{suggestion.rule} (by canaries)")
        table.add_row(*_side(suggestion.now))
        if suggestion.proposed is None:
            table.add_row(f"  none reaches {target:g}")
        elif suggestion.edit:
            table.add_row(*_side(suggestion.proposed))
    return titled("Rules with a limit, as they are and as suggested; 95 % intervals", table)


def _side(side: At) -> list[str]:
    figures = [
        "no label tells" if not estimate.rows else f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
        for estimate in (side.precision, side.recall)
    ]
    return [f"  {side.condition}", *figures, "" if side.canaries is None else f"{side.canaries:.2f}"]


def _worth_table(number: int, worths: Sequence[RuleWorth]) -> object:
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("rule", no_wrap=True)
    for heading in ("all", "alone\nout", "alone\nless", "canaries", "alone", "faulty", "alone", "sound"):
        table.add_column(heading, justify="right")
    for worth in worths:
        if worth.examples or worth.canaries.known:
            counts = [f"{n:,}" for n in (worth.examples, worth.removed_alone, worth.weighed_alone)]
            shares = [*_of(worth.canaries), *_of(worth.labels), _of(worth.sound)[0]]
            table.add_row(worth.rule, *counts, *shares)
    return titled(f"Rules of version {number}: what each alone keeps out, weighs down and catches", table)


def _of(caught: Caught) -> tuple[str, str]:
    return (f"{caught.caught}/{caught.known}", str(caught.alone)) if caught.known else ("", "")
