"""Judging: stored measures, streamed from the lake, become verdicts and an order; nothing is measured, or written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.registry import all_audits
from ops.core.errors import MissingError
from ops.core.schemas import EXAMPLES
from ops.decision.curriculum import CurriculumSettings, curriculum
from ops.decision.difficulty import components, difficulty, per_example
from ops.decision.policy import MEMBER_ACTIONS, Policy
from ops.decision.verdicts import EXAMPLE_COLUMNS, verdicts
from resources.lake.stored_measures import NONE, Without, read_measures, used, visual_ids
from resources.lake.tables import Lake

SOFT_LABEL = "soft_label"
"""Column of an audit's measures: the probability that an example's chosen response beats its rejected one."""


def judge(
    lake: Lake, *, deliveries: Sequence[str], measures: Mapping[str, str], policy: Policy, without: Without = NONE
) -> pa.Table:
    """Verdicts of a policy over stored measures; writes nothing and measures nothing.

    `without` names, by audit, deliveries whose measures are not to be used: its rules do not judge these.
    """
    examples = lake.read(EXAMPLES, where={"delivery": list(deliveries)}, columns=EXAMPLE_COLUMNS)
    columns = {
        audit: {c for rule in policy.rules if rule.audit == audit for c in rule.columns} for audit in policy.audits
    }
    rows = {
        audit: read_measures(
            lake,
            audit,
            identity=measures[audit],
            deliveries=used(deliveries, without, audit),
            columns=columns[audit],
        )
        for audit in policy.audits
        if audit in measures
    }
    return verdicts(examples, rows, policy)


def soft_labels(lake: Lake, members: pa.Table, *, deliveries: Sequence[str], measures: Mapping[str, str]) -> Any:
    """Mean soft label of each member over the audits that measure one; null where none does."""
    ids = members["example_id"].combine_chunks()
    batches: list[pa.RecordBatch] = []
    for audit in sorted(measures):
        if SOFT_LABEL in all_audits()[audit].columns.names:
            columns = {SOFT_LABEL}
            rows = read_measures(lake, audit, identity=measures[audit], deliveries=deliveries, columns=columns)
            batches += [batch.select(["example_id", SOFT_LABEL]) for batch in rows]
    return pa.array(per_example(ids, components(batches, [SOFT_LABEL])[SOFT_LABEL]), from_pandas=True)


def count(judged: pa.Table) -> dict[str, Any]:
    """Examples by action, kind, dataset and rule, for the log."""
    reasons = pc.list_flatten(judged["reasons"])
    owner = pc.list_parent_indices(judged["reasons"])
    fired = pa.table({"rule": pc.struct_field(reasons, "rule"), "example": owner})
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


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """Rows by value, in the order of the values."""
    pairs: Any = pc.value_counts(column)
    return dict(sorted((pair["values"] or "", pair["counts"]) for pair in pairs.to_pylist()))


def order(
    lake: Lake,
    members: pa.Table,
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    settings: CurriculumSettings,
    without: Without = NONE,
) -> pa.Table:
    """The members in the order of the curriculum. Raises MissingError where a measure that it weighs was not made."""
    ids = members["example_id"].combine_chunks()
    kinds: Any = members["kind"]
    is_prompt = np.asarray(pc.equal(kinds, pa.scalar("prompt")))
    names = dict.fromkeys(settings.difficulty, "difficulty")
    if is_prompt.any():
        names |= {name: "prompt_difficulty" for name in settings.prompt_difficulty if name not in names}
    weighed: dict[str, list[str]] = {}
    for name, key in names.items():
        audit, column = name.split(".")
        if audit not in measures:
            raise MissingError(f"curriculum.{key} weighs {name}, but {audit} was not measured; run that audit first")
        weighed.setdefault(audit, []).append(column)
    values: dict[str, Any] = {}
    for audit, columns in weighed.items():
        known = used(deliveries, without, audit)
        rows = read_measures(lake, audit, identity=measures[audit], deliveries=known, columns=set(columns))
        values |= {f"{audit}.{column}": part for column, part in components(rows, columns).items()}
    hardness = difficulty(ids, values, settings.difficulty)
    own = difficulty(ids.filter(pa.array(is_prompt)), values, settings.prompt_difficulty if is_prompt.any() else {})
    hardness[np.flatnonzero(is_prompt)[np.isfinite(own)]] = own[np.isfinite(own)]
    visual = visual_ids(lake, deliveries)
    columns = [
        *(members[name] for name in ("delivery", "example_id", "dataset")),
        pc.is_in(members["example_id"], value_set=visual),
        pa.array(hardness),
    ]
    ready = pa.table(columns, names=["delivery", "example_id", "dataset", "visual", "difficulty"])
    return curriculum(ready, settings)
