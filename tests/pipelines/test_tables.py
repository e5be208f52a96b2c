"""Tables of the command line: what a terminal of 80 columns shows."""

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console, RenderableType

from ops.audits.registry import all_audits
from ops.canaries import damage
from ops.canaries.comparisons import KINDS
from ops.canaries.outcome import ANY, CanaryOutcome
from ops.decision.verdicts import SCHEMA
from ops.decision.version_diff import Diff
from ops.decision.versions import Version
from ops.demo.faults import FAULTS
from ops.demo.score import Score, Tally
from pipelines.tables import (
    canary_table,
    changes_table,
    diff_table,
    key_value_table,
    score_table,
    tally_table,
    versions_table,
)
from resources.config.settings import load_settings


def printed(table: RenderableType) -> list[str]:
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
    figures = (800, 800, 0, 800, 0.123, 999.9)
    scores = [Score(f.name, f.title, audits[f.name] or ("ingest",), *figures) for f in FAULTS.values()]
    lines = printed(score_table(scores))
    for score in scores:
        start = next(at for at, line in enumerate(lines) if line.split("  ")[0].strip().startswith(score.title))
        assert [line.split()[-1] for line in lines[start : start + len(score.audits)]] == list(score.audits)


def test_every_rule_of_the_policy_stands_on_one_line() -> None:
    rules = load_settings().policy.rules
    assert rules
    lines = printed(tally_table([Tally(rule.action, rule.audit, rule.name, 12345) for rule in rules]))
    cells = [line.split() for line in lines]
    assert all([str(rule.action), rule.audit, rule.name, "12345"] in cells for rule in rules)


def test_canaries_fit_80_columns() -> None:
    faults = (*damage.FAULTS, *KINDS)
    names = [(f, audit.name) for f in faults for audit in all_audits().values() if f in audit.faults]
    names += [(f, ANY) for f in faults]
    lines = printed(canary_table([CanaryOutcome(*name, 100, 99, 0.955, 0.998, 2000, 1999, 0, 1) for name in names]))
    cells = [line.split() for line in lines]
    assert all([*name, "100", "99", "0.95", "to", "1.00", "2000", "1999"] in cells for name in names)


def test_a_title_stands_on_one_line_however_narrow_the_table() -> None:
    title = "Version 3 as llava, which was there already, [and more]"
    assert printed(key_value_table([("a [b]", 1234)], title=title)) == [
        title,
        "┌───────┬───────┐",
        "│ a [b] │ 1,234 │",
        "└───────┴───────┘",
    ]


def version(number: int, *, current: bool = False) -> Version:
    row = {"deliveries": ["a-1"] * 99, "policy": "0123456789abcdef", "gate_results": None}
    row["counts"] = '{"examples": 12345678, "curated": 12345678}'
    made, at = datetime(2026, 11, 26, 12, 42, tzinfo=UTC), datetime(2026, 11, 27, 13, 5, tzinfo=UTC)
    return Version(number, "published", current, made, at, None, "content", row)


def test_a_version_is_a_line_with_the_time_it_was_made() -> None:
    lines = printed(versions_table([version(1, current=True), version(20)]))
    rows = [line.split() for line in lines if line.strip().startswith(("1 ", "20 "))]
    figures = ["2026-11-26", "12:42", "99", "12,345,678", "12,345,678", "01234567"]
    assert rows == [["1", "current", *figures], ["20", "published", *figures]]


def test_what_came_and_was_left_out_is_counted() -> None:
    empty = SCHEMA.empty_table().append_column("change", [[]]).append_column("cause", [[]])
    lines = printed(diff_table(Diff(1, 2, empty, {"drop": 39, "hold": 1234})))
    assert lines[0] == "From version 1 to version 2"
    assert "│ came, but left out: drop │ 39    │" in lines
    assert "│ came, but left out: hold │ 1,234 │" in lines


def test_an_id_is_never_cut() -> None:
    row = {"example_id": "0123456789abcdef" * 2, "change": "reweighted", "cause": "new measure"}
    sides = {"action_before": "downweight", "weight_before": 0.5, "action_after": "downweight", "weight_after": 0.25}
    assert any(row["example_id"] in line for line in printed(changes_table([row | sides])))
