"""Judging: stored measures, streamed from the lake, become verdicts and members; nothing is measured, or written.

All of it is of one share of the corpus at a time: what a version is made of share by share (making.py).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.arrow import (
    AnyArray,
    Column,
    batch_of,
    column_of,
    is_in,
    list_members,
    list_parents,
    rows_where,
    struct_values,
    table_of,
    value_counts,
    whole,
)
from ops.core.arrow_types import fields
from ops.core.errors import MissingError
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import DECISIONS
from ops.decision.curriculum import CurriculumSettings
from ops.decision.difficulty import Weights, components, per_example
from ops.decision.mix import MixSettings
from ops.decision.overruling import overruled
from ops.decision.policy import MEMBER_ACTIONS, Policy
from ops.decision.raising import Raising
from ops.decision.verdicts import EXAMPLE_COLUMNS, verdicts
from ops.decision.wrong_flags import PROBABILITY, expected_wrong, probable
from resources.lake.shares import Share, View
from resources.lake.stored_measures import NONE, Without, read_measures, shows_pictures, used
from resources.lake.tables import Lake
from resources.versions.canary_chances import foreseen, known_chances
from resources.versions.person_decisions import standing_decisions

MEMBER_COLUMNS = ("delivery", "example_id", "kind", "dataset", "weight")
SOFT_LABEL = "soft_label"
"""Column of an audit's measures: the probability that an example's chosen response beats its rejected one."""

_COUNTED = ("actions", "kinds", "datasets", "rules")
_EXAMPLES = pa.schema([*fields(EXAMPLES.schema, *EXAMPLE_COLUMNS), pa.field("visual", pa.bool_())])


@dataclass(frozen=True, slots=True)
class Grounds:
    """What verdicts and order follow from: the deliveries, the identity of each audit's measures, and the settings.

    `pinned` are the versions of the lake's tables (by name). `without` names, by audit, deliveries whose measures are
    not to be used: its rules do not judge these, and difficulty does not weigh them. `raising` are the kinds of
    pictures that count more."""

    lake: Lake
    pinned: Mapping[str, int]
    deliveries: tuple[str, ...]
    measures: Mapping[str, str]
    policy: Policy
    curriculum: CurriculumSettings = field(default_factory=CurriculumSettings)
    mix: MixSettings = field(default_factory=MixSettings)
    without: Without = field(default_factory=lambda: NONE)
    raising: Raising | None = None

    def view(self, share: Share) -> View:
        """The lake, of the share alone."""
        return View(self.lake, self.pinned, share)

    def rows(self, view: View, audit: str, columns: set[str]) -> Iterator[pa.RecordBatch]:
        """The audit's measures of the view that are to be used, as a stream."""
        known = used(self.deliveries, self.without, audit)
        return read_measures(view, audit, identity=self.measures[audit], deliveries=known, columns=columns)

    def weights(self, *, prompts: bool) -> Weights:
        """What difficulty weighs; `prompts`, whether there are any. MissingError where a measure of it was not made."""
        weights = Weights(self.curriculum.difficulty, self.curriculum.prompt_difficulty if prompts else {})
        for key, own in (("difficulty", weights.of_all), ("prompt_difficulty", weights.of_prompts)):
            for name in own:
                audit = name.partition(".")[0]
                if audit not in self.measures:
                    raise MissingError(
                        f"curriculum.{key} weighs {name}, but {audit} was not measured; run that audit first"
                    )
        return weights


def examples_of(view: View) -> pa.Table:
    """The share's examples: EXAMPLE_COLUMNS, and `visual`, whether they show a picture."""
    batches: list[pa.RecordBatch] = []
    for batch in view.batches(EXAMPLES, columns=[*EXAMPLE_COLUMNS, "image_ids"]):
        columns = [*(column_of(batch, name) for name in EXAMPLE_COLUMNS), pa.array(shows_pictures(batch))]
        batches.append(batch_of(columns, _EXAMPLES))
    return pa.Table.from_batches(batches, _EXAMPLES)


def judge(grounds: Grounds, view: View, examples: pa.Table) -> pa.Table:
    """Verdicts of the policy and of persons on the share's examples (VERDICTS without `version`), by delivery and id.
    What persons decided is read as of the version of `decisions` that is pinned, or as it is now."""
    policy = grounds.policy
    decided = standing_decisions(grounds.lake, grounds.pinned.get(DECISIONS.name))
    columns = {
        audit: {c for rule in policy.rules if rule.audit == audit for c in rule.columns} for audit in policy.audits
    }
    rows = {audit: grounds.rows(view, audit, columns[audit]) for audit in policy.audits if audit in grounds.measures}
    return overruled(verdicts(examples, rows, policy), decided)


def wrong_flags(grounds: Grounds, view: View) -> dict[str, float]:
    """By rule whose audit tells a probability, or whose audit's canaries do, how many of the share's examples that it
    flags should be right; NaN where that is not told of all of them."""
    rules, measures = grounds.policy.rules, grounds.measures
    known = known_chances(grounds.lake, grounds.deliveries, measures, pinned=grounds.pinned)
    shared = [delivery for delivery in grounds.deliveries if delivery in view.share.deliveries]
    totals = foreseen(view, known, rules, measures=measures, deliveries=shared, without=grounds.without)
    for audit, own in probable(rules, all_audits()).items():
        if audit in measures:
            columns = {column for rule in own for column in rule.columns} | {PROBABILITY}
            totals |= expected_wrong(grounds.rows(view, audit, columns), own)
    return totals


def members_of(grounds: Grounds, view: View, examples: pa.Table, judged: pa.Table) -> pa.Table:
    """The share's members in the order of their verdicts: delivery, example_id, kind, dataset, weight, soft_label,
    `visual`, and the measures that difficulty weighs (float64, NaN where unknown)."""
    members = rows_where(judged, is_in(judged["action"], pa.array(MEMBER_ACTIONS)))
    ids = whole(members, "example_id")
    columns: dict[str, Column] = {name: members[name] for name in MEMBER_COLUMNS}
    columns[SOFT_LABEL] = _soft_labels(grounds, view, ids)
    columns["visual"] = is_in(ids, visual_ids(examples))
    weighed: dict[str, list[str]] = {}
    for name in grounds.weights(prompts=has_prompts(members)).names:
        audit, column = name.split(".")
        weighed.setdefault(audit, []).append(column)
    for audit, names in weighed.items():
        measured = components(grounds.rows(view, audit, set(names)), names)
        columns |= {f"{audit}.{name}": pa.array(per_example(ids, measured[name])) for name in names}
    return table_of(columns)


def visual_ids(examples: pa.Table) -> AnyArray:
    """Ids of the examples that show a picture."""
    return whole(rows_where(examples, examples["visual"]), "example_id")


def has_prompts(rows: pa.Table) -> bool:
    """Whether prompts of RL are among the rows."""
    return any(kind == "prompt" for kind, _ in value_counts(rows["kind"]))


def count(judged: pa.Table) -> dict[str, Any]:
    """Examples by action, kind, dataset and rule, for the log."""
    reasons = judged["reasons"]
    fired = table_of({"rule": struct_values(list_members(reasons), "rule"), "example": pa.array(list_parents(reasons))})
    by_rule = fired.group_by("rule").aggregate([("example", "count_distinct")]).to_pylist()
    actions = counted(judged["action"])
    return {
        "examples": judged.num_rows,
        "curated": sum(actions.get(action, 0) for action in MEMBER_ACTIONS),
        "actions": actions,
        "kinds": counted(judged["kind"]),
        "datasets": counted(judged["dataset"]),
        "rules": {row["rule"]: row["example_count_distinct"] for row in sorted(by_rule, key=lambda row: row["rule"])},
    }


def added(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of several shares as those of all."""
    total: dict[str, Any] = {"examples": 0, "curated": 0, **{name: Counter[str]() for name in _COUNTED}}
    for share in counts:
        for name in ("examples", "curated"):
            total[name] += share[name]
        for name in _COUNTED:
            total[name].update(share[name])
    return {name: dict(sorted(value.items())) if name in _COUNTED else value for name, value in total.items()}


def counted(column: Column) -> dict[str, int]:
    """Rows by value, in the order of the values."""
    return dict(sorted((value or "", rows) for value, rows in value_counts(column)))


def _soft_labels(grounds: Grounds, view: View, ids: AnyArray) -> AnyArray:
    """Mean soft label of each member over the audits that measure one; null where none does."""
    batches: list[pa.RecordBatch] = []
    for audit in sorted(grounds.measures):
        if SOFT_LABEL in all_audits()[audit].columns.names:
            rows = read_measures(
                view,
                audit,
                identity=grounds.measures[audit],
                deliveries=grounds.deliveries,
                columns={SOFT_LABEL},
            )
            batches += [batch.select(["example_id", SOFT_LABEL]) for batch in rows]
    return pa.array(per_example(ids, components(batches, [SOFT_LABEL])[SOFT_LABEL]), from_pandas=True)
