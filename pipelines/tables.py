"""What the command line prints, as Rich tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.canaries.outcome import CanaryOutcome
from ops.core.grades import PASS, REJECT, WARN
from ops.decision.version_diff import Diff
from ops.decision.versions import Version
from ops.demo.score import Score, Tally


def score_table(scores: Sequence[Score]) -> Group:
    """Per planted fault: what was caught, what was wrongly flagged, the probability that was given to what was planted,
    and how many flags were expected to be wrong. Fits a terminal of 80 columns."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    for heading in ("fault", "caught", "false\nalarms", "p", "exp.\nwrong", "found by"):
        table.add_column(heading, justify="left" if heading in ("fault", "found by") else "right")
    for score in scores:
        if score.caught is None:
            table.add_row(score.title, f"- of {score.planted}", "-", "", "", "no audit yet")
        else:
            likely = "" if score.probability is None else f"{score.probability:.2f}"
            wrong = "" if score.expected_wrong is None else f"{score.expected_wrong:.1f}"
            caught = f"{score.caught} of {score.planted}"
            table.add_row(score.title, caught, str(score.false_alarms), likely, wrong, "\n".join(score.audits))
    return titled("What was planted, and what was found", table)


def tally_table(tallies: Sequence[Tally]) -> Group:
    """What was kept and what not, and for which reason; `wrong` is how many of a rule's examples should be right."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("action")
    table.add_column("audit")
    table.add_column("rule or reason")
    table.add_column("examples", justify="right")
    table.add_column("wrong", justify="right")
    for tally in tallies:
        wrong = "" if tally.expected_wrong is None else f"{tally.expected_wrong:.1f}"
        table.add_row(tally.action, tally.audit, tally.rule, str(tally.examples), wrong)
    return titled("What was kept, and why the rest was not", table)


def canary_table(outcomes: Sequence[CanaryOutcome]) -> Group:
    """Which of a delivery's canaries were caught, and how many of its own rows were flagged beside them."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    for heading in ("fault", "audit", "made", "caught", "95 %", "own", "flagged"):
        table.add_column(heading, justify="left" if heading in ("fault", "audit") else "right")
    for outcome in outcomes:
        interval = f"{outcome.recall_low:.2f} to {outcome.recall_high:.2f}"
        figures = (outcome.planted, outcome.caught, interval, outcome.own, outcome.flagged)
        table.add_row(outcome.fault, outcome.audit, *map(str, figures))
    return titled("What was found of canaries: rows of the drop that were damaged in memory", table)


def titled(title: str, table: Table) -> Group:
    """The table below its title, which stands on one line however narrow the table is. Words in brackets are words."""
    return Group(Text(title, style="italic", no_wrap=True, overflow="ignore"), table)


def key_value_table(rows: Sequence[tuple[str, Any]], *, title: str) -> Group:
    """Two columns: what, and its figure."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for key, value in rows:
        table.add_row(Text(key), Text(f"{value:,}" if isinstance(value, int) else str(value)))
    return titled(title, table)


def minute(moment: datetime) -> str:
    """A time as a person reads it, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def versions_table(versions: Sequence[Version]) -> Table:
    """A row a version. Eight digits tell policies apart; JSON has all."""
    table = Table(
        "version", "state", "made (UTC)", "drops", "examples", "curated", "policy", box=SIMPLE_HEAD, padding=0
    )
    for version in versions:
        sizes = [f"{version.counts.get(name, 0):,}" for name in ("examples", "curated")]
        state = "current" if version.current else version.state
        drops, policy = str(len(version.row["deliveries"])), version.row["policy"][:8]
        table.add_row(str(version.number), state, minute(version.made), drops, *sizes, policy)
    return table


def diff_table(change: Diff) -> Group:
    """What changed, by cause, and what came and was left out."""
    counts = [
        (change_name if cause == "all" else f"{change_name}, {cause}", number)
        for change_name, by_cause in change.counts.items()
        for cause, number in by_cause.items()
    ]
    left = [(f"came, but left out: {action}", number) for action, number in change.new_left_out.items()]
    return key_value_table(counts + left, title=f"From version {change.before} to version {change.after}")


def changes_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A row an example that changed."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("example", no_wrap=True, min_width=32)  # an id that is cut short is of no use
    for heading in ("change", "cause", "before", "after"):
        table.add_column(heading)
    for row in rows:
        sides = [f"{row[f'action_{side}'] or '-'} {_weight(row[f'weight_{side}'])}" for side in ("before", "after")]
        table.add_row(row["example_id"], row["change"], row["cause"], *sides)
    return table


def _weight(weight: float | None) -> str:
    return "" if weight is None else f"{weight:g}"


def version_table(version: Version) -> Group:
    """The figures of one version."""
    counts = version.counts
    actions = ", ".join(f"{action} {number:,}" for action, number in counts.get("actions", {}).items())
    rows = [
        ("drops", len(version.row["deliveries"])),
        ("examples", counts.get("examples", 0)),
        ("verdicts", actions),
        ("curated", counts.get("curated", 0)),
    ]
    if "mix" in counts:
        mix = counts["mix"]
        shares = f"{mix['visual_share']:.1%} visual, {mix['effective_share']:.1%} of the effective sample"
        rows.append(("mix", shares))
    if raised := counts.get("raised"):
        rows.append(
            ("raised", "; ".join(f"pictures like {name!r} {factor:g} times" for name, factor in raised.items()))
        )
    return key_value_table(rows, title=f"Version {version.number}")


_GRADES = {PASS: "green", WARN: "yellow", REJECT: "bold red"}


def marked(grade: str) -> str:
    """A grade in its colour, as markup."""
    return f"[{_GRADES[grade]}]{grade}[/]"
