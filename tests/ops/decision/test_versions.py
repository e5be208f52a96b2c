"""What the log of versions says, and why a verdict differs between two versions."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from ops.core.log import Log
from ops.core.version_schemas import VERSIONS
from ops.decision.verdicts import SCHEMA
from ops.decision.version_diff import Pins, diff
from ops.decision.versions import (
    LeftOut,
    current_number,
    headline,
    left_by_rollback,
    left_out_of,
    read_log,
    without_measures,
)


def entered(number: int, state: str, **fields: Any) -> dict[str, Any]:
    row = {"version": number, "state": state, "at": datetime(2026, 1, 1, tzinfo=UTC), "content": f"c{number}"}
    return row | {"gate_results": json.dumps(fields)}


def log(*rows: dict[str, Any]) -> Log:
    return Log.of(pa.Table.from_pylist([row | {"sequence": n} for n, row in enumerate(rows)], schema=VERSIONS.schema))


def test_the_last_published_row_is_current():
    rows = [entered(1, "candidate"), entered(1, "published"), entered(2, "candidate"), entered(2, "rejected")]
    assert [(v.number, v.state, v.current) for v in read_log(log(*rows))] == [
        (1, "published", True),
        (2, "rejected", False),
    ]
    assert current_number(Log()) is None
    assert left_by_rollback(log(*rows)) is None
    back = [*rows, entered(3, "published"), entered(1, "published", rollback_from=3)]
    assert current_number(log(*back)) == 1
    assert left_by_rollback(log(*back)) == 3
    assert left_by_rollback(log(*back, entered(4, "published"))) is None


def judged(*rows: tuple[str, str, float, list[tuple[str, str, str, str]]]) -> pa.Table:
    """(example, action, weight, reasons as rule, audit, value, threshold)."""
    names = ("rule", "audit", "value", "threshold")
    return pa.Table.from_pylist(
        [
            {
                "example_id": example,
                "delivery": "d",
                "source_id": example,
                "dataset": "set",
                "kind": "sft",
                "action": action,
                "weight": weight,
                "reasons": [dict(zip(names, reason, strict=True)) for reason in reasons],
            }
            for example, action, weight, reasons in rows
        ],
        schema=SCHEMA,
    )


OLD, NEW = ("far", "grounding", "margin=-1", "margin < 0"), ("far", "grounding", "margin=-2", "margin < 0")
MOVED = ("far", "grounding", "margin=-1", "margin < -0.5")


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (Pins("p", {"grounding": "1"}), Pins("q", {"grounding": "1"}), "new policy"),
        (Pins("p", {"grounding": "1"}), Pins("p", {"grounding": "2"}), "new measure"),
        (Pins("p", {"grounding": "1"}), Pins("p", {"grounding": "1"}), "new code"),
        (Pins("p", {"grounding": "1", "x": "1"}), Pins("p", {"grounding": "1", "x": "2"}), "new code"),
    ],
)
def test_cause_of_a_change(before: Pins, after: Pins, cause: str):
    changes = diff(judged(("a", "keep", 1, [])), judged(("a", "drop", 0, [OLD])), numbers=(1, 2), pins=(before, after))
    assert changes.counts["removed"] == {"all": 1, cause: 1}


def test_cause_where_policy_and_measure_are_both_new():
    pins = (Pins("p", {"grounding": "1"}), Pins("q", {"grounding": "2"}))
    value = diff(judged(("a", "hold", 0, [OLD])), judged(("a", "downweight", 0.5, [NEW])), numbers=(1, 2), pins=pins)
    assert value.counts["added"] == {"all": 1, "new measure": 1}
    threshold = diff(
        judged(("a", "downweight", 0.2, [OLD])), judged(("a", "keep", 1, [MOVED])), numbers=(1, 2), pins=pins
    )
    assert threshold.counts["reweighted"] == {"all": 1, "new policy": 1}


def test_what_only_one_version_saw_is_new_data_and_what_changes_no_dataset_is_no_change():
    pins = (Pins("p", {}), Pins("q", {}))
    before = judged(("gone", "keep", 1, []), ("gone and dropped", "drop", 0, [OLD]), ("same", "drop", 0, [OLD]))
    after = judged(("same", "hold", 0, [MOVED]), ("came", "keep", 1, []), ("came and dropped", "drop", 0, [OLD]))
    changes = diff(before, after, numbers=(1, 2), pins=pins)
    assert [(r["example_id"], r["change"], r["cause"]) for r in changes.rows.to_pylist()] == [
        ("came", "added", "new data"),
        ("gone", "removed", "new data"),
    ]
    assert changes.new_left_out == {"drop": 1}


def test_a_rollback_changes_no_time_at_which_a_version_was_made():
    hours = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(5)]
    steps = [(1, "candidate"), (1, "published"), (2, "candidate"), (2, "published")]
    rows = [entered(*step) | {"at": hour} for step, hour in zip(steps, hours, strict=False)]
    rows.append(entered(1, "published", rollback_from=2) | {"at": hours[4]})
    first, second = read_log(log(*rows))
    assert (first.made, first.at, first.rolled_back_from, first.current) == (hours[0], hours[4], 2, True)
    assert (second.made, second.at, second.rolled_back_from) == (hours[2], hours[3], None)


BROKEN = LeftOut("b", "b-2", "rejected", "quarantine_share 0.5 > 0.05", "deliver again", stays="b-1")
ODD = LeftOut("c", "c-1", "gate", "claims: share -1 < 0", "mend it", audits=("claims",), measures_only=True)


def test_the_first_line_of_a_version_says_what_it_leaves_out():
    assert headline(3, ()) == "Version 3"
    assert headline(3, (BROKEN, ODD)) == (
        "Version 3 leaves out the last delivery of drop 'b' "
        "(rejected by the ingest gate: quarantine_share 0.5 > 0.05); "
        "the measures of claims of drop 'c' (failed the measures gate: claims: share -1 < 0)"
    )
    assert headline(3, (BROKEN,) * 5).endswith("; and 2 more")
    assert BROKEN.line.endswith("quarantine_share 0.5 > 0.05. Fix: deliver again")


def test_what_is_left_out_is_read_as_it_was_pinned():
    row = {"left_out": json.dumps([asdict(BROKEN), asdict(ODD)])}
    assert left_out_of(row) == (BROKEN, ODD)
    assert left_out_of({"left_out": None}) == left_out_of({}) == ()
    assert without_measures([BROKEN, ODD, replace(ODD, measures_only=False)]) == {"claims": ["c-1"]}
    pins = Pins.of({"policy": "p", "measures": json.dumps({"claims": "x"}), **row})
    assert pins.used("claims") == ("x", "c-1")
