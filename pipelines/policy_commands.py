"""`assay policy worth`: which rules earn their keep."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.decision.rule_worth import Caught, RuleWorth, worth_lines
from pipelines.app import DebugOption, JsonOption, LakeOption, policy_app, print_json
from pipelines.faults import out
from pipelines.review_command import LATEST, VersionArgument, asked_version
from pipelines.tables import titled
from pipelines.version_commands import lake_at
from resources.report.rule_worth import rules_worth


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


def _worth_table(number: int, worths: Sequence[RuleWorth]) -> object:
    table = Table(box=SIMPLE_HEAD, padding=0)
    for heading in ("rule", "speaks of", "alone out", "alone less", "canaries", "alone", "faulty", "alone", "sound"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for worth in worths:
        if worth.examples or worth.canaries.known:
            counts = [f"{n:,}" for n in (worth.examples, worth.removed_alone, worth.weighed_alone)]
            shares = [*_of(worth.canaries), *_of(worth.labels), _of(worth.sound)[0]]
            table.add_row(worth.rule, *counts, *shares)
    return titled(f"Rules of version {number}: what each alone keeps out, weighs down and catches", table)


def _of(caught: Caught) -> tuple[str, str]:
    return (f"{caught.caught}/{caught.known}", str(caught.alone)) if caught.known else ("", "")
