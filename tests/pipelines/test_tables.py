"""Tables of the command line: what a terminal of 80 columns shows."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from ops.audits.registry import all_audits
from ops.demo.faults import FAULTS
from ops.demo.score import Score, Tally
from pipelines.tables import score_table, tally_table
from resources.settings import load_settings


def printed(table: Table) -> list[str]:
    console = Console(file=StringIO(), width=80)
    console.print(table)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue().splitlines()


def test_the_closing_table_fits_80_columns() -> None:
    """Every audit's name stands whole, on a line of its own."""
    audits = {
        fault.name: tuple(a.name for a in all_audits().values() if fault.name in a.faults) for fault in FAULTS.values()
    }
    scores = [Score(f.name, f.title, audits[f.name] or ("ingest",), 1000, 1000, 1000, 1000) for f in FAULTS.values()]
    lines = printed(score_table(scores))
    for score in scores:
        start = next(at for at, line in enumerate(lines) if line.split("  ")[0].strip().startswith(score.title))
        assert [line.split()[-1] for line in lines[start : start + len(score.audits)]] == list(score.audits)


def test_every_rule_of_the_policy_stands_on_one_line() -> None:
    rules = load_settings().policy.rules
    lines = printed(tally_table([Tally(rule.action, rule.audit, rule.name, 12345) for rule in rules]))
    told = [line.split() for line in lines]
    assert all([str(rule.action), rule.audit, rule.name, "12345"] in told for rule in rules)
