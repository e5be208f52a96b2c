"""What differs between two versions, example by example, and why."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core import arrow
from ops.core.arrow import AnyArray, Column
from ops.core.version_schemas import REASON
from ops.decision.policy import DECISION, MEMBER_ACTIONS
from ops.decision.versions import left_out_of, without_measures


@dataclass(frozen=True, slots=True)
class Diff:
    """What separates two versions.

    `rows`: example_id, source_id, dataset, change (added | removed | reweighted), action_before, action_after,
    weight_before, weight_after, cause (new data | new decision | new policy | new measure | new mix |
    new code), reasons_before and
    reasons_after as they stand in the verdicts. `counts`: examples by change, and by change and cause. `new_left_out`:
    examples that only the later version judged and that it left out, by action.
    """

    before: int
    after: int
    rows: pa.Table
    new_left_out: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Examples by change, then by cause; `all` is the sum."""
        groups = self.rows.group_by(["change", "cause"]).aggregate([([], "count_all")]).to_pylist()
        counts: dict[str, dict[str, int]] = {change: {"all": 0} for change in ("added", "removed", "reweighted")}
        for row in sorted(groups, key=lambda row: (row["change"], row["cause"])):
            counts[row["change"]]["all"] += row["count_all"]
            counts[row["change"]][row["cause"]] = row["count_all"]
        return counts


@dataclass(frozen=True, slots=True)
class Pins:
    """What a version was made from, as far as a difference can have come from it."""

    policy: str
    measures: Mapping[str, str]
    without: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Deliveries whose measures by an audit were not used, by audit."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Pins":
        """From a row of the `versions` log."""
        return cls(row["policy"], json.loads(row["measures"] or "{}"), without_measures(left_out_of(row)))

    def used(self, audit: str) -> tuple[Any, ...]:
        """Identity of what the version knew by that audit."""
        return self.measures.get(audit), *self.without.get(audit, ())


COUNTED = "counted"
"""What a member counts for: the weight of its verdict, times the factor of the target mix."""


_SIDE = ("example_id", "delivery", "source_id", "dataset", "action", "weight", "reasons")


def diff(before: pa.Table, after: pa.Table, *, numbers: tuple[int, int], pins: tuple[Pins, Pins]) -> Diff:
    """Compare the verdicts of two versions, example by example; where they have a column COUNTED, by that weight.

    An example that left with its delivery (a corrected drop) and came back unchanged in the next one is the same.
    """
    left, right = (
        table.select(_SIDE).append_column(COUNTED, table[COUNTED if COUNTED in table.schema.names else "weight"])
        for table in (before, after)
    )
    gone, new, shared_left, shared_right = _parted(left, right)
    moved = _moved(shared_left, shared_right)
    sides = [
        _side(arrow.rows_where(gone, _members(gone)), "removed", after=False),
        _side(arrow.rows_where(new, _members(new)), "added", after=True),
        _both(arrow.rows_where(shared_left, moved), arrow.rows_where(shared_right, moved), pins),
    ]
    rows = arrow.sorted_by(pa.concat_tables(sides), "change", "cause", "example_id")
    return Diff(*numbers, rows, _new_left_out(new))


def joined(parts: Sequence[Diff]) -> Diff:
    """The comparison of several shares of the same two versions, one after the other, as that of all."""
    rows = arrow.sorted_by(pa.concat_tables([part.rows for part in parts]), "change", "cause", "example_id")
    left_out = sum((Counter(part.new_left_out) for part in parts), Counter[str]())
    return Diff(parts[0].before, parts[0].after, rows, dict(sorted(left_out.items())))


def _parted(left: pa.Table, right: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Rows of examples that only the left has, that only the right has, and those of both, in one order."""
    # Verdicts over the same deliveries are rows of the same examples in the same order: no look-up then.
    if left["example_id"].equals(right["example_id"]):
        return left.slice(0, 0), right.slice(0, 0), left, right
    at_right = arrow.index_in(left["example_id"], right["example_id"])
    known = arrow.is_valid(at_right)
    at_left = arrow.is_valid(arrow.index_in(right["example_id"], left["example_id"]))
    gone, new = arrow.rows_where(left, arrow.invert(known)), arrow.rows_where(right, arrow.invert(at_left))
    return gone, new, arrow.rows_where(left, known), right.take(at_right.drop_null())


def _members(rows: pa.Table) -> Column:
    return arrow.is_in(rows["action"], pa.array(MEMBER_ACTIONS))


def _new_left_out(new: pa.Table) -> dict[str, int]:
    """Examples by action, of those that are no members."""
    counts = Counter(map(str, arrow.rows_where(new, arrow.invert(_members(new)))["action"].to_pylist()))
    return dict(sorted(counts.items()))


def _moved(left: pa.Table, right: pa.Table) -> Column:
    """Shared examples whose membership or weight differs. A drop that became a hold changes no dataset."""
    is_other_member = arrow.compare(_members(left), "!=", _members(right))
    return arrow.either(is_other_member, arrow.compare(left[COUNTED], "!=", right[COUNTED]))


_REASONS = pa.list_(REASON)


_ROWS = pa.schema(
    [
        ("example_id", pa.string()),
        ("source_id", pa.string()),
        ("dataset", pa.string()),
        ("change", pa.string()),
        ("cause", pa.string()),
        ("action_before", pa.string()),
        ("action_after", pa.string()),
        ("weight_before", pa.float64()),
        ("weight_after", pa.float64()),
        ("reasons_before", _REASONS),
        ("reasons_after", _REASONS),
    ]
)


def _side(rows: pa.Table, change: str, *, after: bool) -> pa.Table:
    """Examples that only one of the versions saw."""
    count = rows.num_rows
    present = [rows["action"], rows[COUNTED], rows["reasons"]]
    absent = [pa.nulls(count, pa.string()), pa.nulls(count, pa.float64()), pa.nulls(count, _REASONS)]
    pairs = zip(absent, present, strict=True) if after else zip(present, absent, strict=True)
    words = [pa.repeat(change, count), pa.repeat("new data", count)]
    columns = [rows["example_id"], rows["source_id"], rows["dataset"], *words, *(c for pair in pairs for c in pair)]
    return pa.table(columns, schema=_ROWS)


def _both(left: pa.Table, right: pa.Table, pins: tuple[Pins, Pins]) -> pa.Table:
    was, now = arrow.numpy_values(_members(left)), arrow.numpy_values(_members(right))
    change = np.where(was & now, "reweighted", np.where(now, "added", "removed"))
    same_action, same_weight = (arrow.compare(left[name], "==", right[name]) for name in ("action", "weight"))
    judged_alike = arrow.both(same_action, same_weight)
    causes = arrow.if_else(judged_alike, "new mix", _causes(left["reasons"], right["reasons"], pins))
    columns = [
        *(right[name] for name in ("example_id", "source_id", "dataset")),
        pa.array(change.tolist(), pa.string()),
        causes,
        left["action"],
        right["action"],
        left[COUNTED],
        right[COUNTED],
        left["reasons"],
        right["reasons"],
    ]
    return pa.table(columns, schema=_ROWS)


def _causes(before: Column, after: Column, pins: tuple[Pins, Pins]) -> AnyArray:
    old, new = pins
    if old.measures == new.measures and old.without == new.without and not _has_decisions(before, after):
        return pa.repeat("new policy" if old.policy != new.policy else "new code", len(before))
    pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
    return pa.array([_cause(was or [], now or [], pins) for was, now in pairs], pa.string())


def _has_decisions(*reasons: Column) -> bool:
    """Whether persons decided on any of the examples, before or after."""
    rules = [arrow.struct_values(arrow.list_members(column), "rule") for column in reasons]
    return any(arrow.flags(arrow.compare(column, "==", DECISION)).any() for column in rules)


def _cause(before: list[dict[str, Any]], after: list[dict[str, Any]], pins: tuple[Pins, Pins]) -> str:
    """Why an example's verdict differs though both versions saw it.

    A reason that both have with another value, or one that only one has while the policy is the same, came from a
    measure; every other difference from the policy, where that differs."""
    old, new = pins
    same_policy = old.policy == new.policy
    unlike = _unlike(before, after)
    if any(reason["rule"] == DECISION for reason in unlike):
        return "new decision"
    differing = {r["audit"] for r in unlike}
    remeasured = {audit for audit in differing if old.used(audit) != new.used(audit)}
    if same_policy:
        return "new measure" if remeasured else "new code"
    if not remeasured:
        return "new policy"
    known = {(r["rule"], r["turn"]): (r["value"], r["threshold"]) for r in before}
    pairs = [(known[key], (r["value"], r["threshold"])) for r in after if (key := (r["rule"], r["turn"])) in known]
    moved_values = any(a[0] != b[0] and a[1] == b[1] for a, b in pairs)
    return "new measure" if moved_values else "new policy"


def _unlike(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons that only one side has."""
    return [r for r in before if r not in after] + [r for r in after if r not in before]
