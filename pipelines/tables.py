"""What the command line prints, as Rich tables."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.demo.score import Score, Tally
from ops.versions import Version


def score_table(scores: Sequence[Score]) -> Group:
    """Per planted fault: what was caught, missed, and wrongly flagged. Fits a terminal of 80 columns."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    for heading in ("fault", "planted", "caught", "missed", "false\nalarms", "found by"):
        table.add_column(heading, justify="left" if heading in ("fault", "found by") else "right")
    for score in scores:
        if score.caught is None:
            table.add_row(score.title, str(score.planted), "-", "-", "-", "no audit yet")
        else:
            figures = (score.planted, score.caught, score.missed, score.false_alarms)
            table.add_row(score.title, *map(str, figures), "\n".join(score.audits))
    return titled("What was planted, and what was found", table)


def tally_table(tallies: Sequence[Tally]) -> Group:
    """What was kept and what not, and for which reason."""
    table = Table(box=SIMPLE_HEAD, padding=0)
    table.add_column("action")
    table.add_column("audit")
    table.add_column("rule or reason")
    table.add_column("examples", justify="right")
    for tally in tallies:
        table.add_row(tally.action, tally.audit, tally.rule, str(tally.examples))
    return titled("What was kept, and why the rest was not", table)


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
        said = f"{mix['visual_share']:.1%} visual, {mix['effective_share']:.1%} of the effective sample"
        rows.append(("mix", said))
    return key_value_table(rows, title=f"Version {version.number}")
