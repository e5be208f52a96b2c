"""What an export says of its version: licences, and what was removed and why, counted from the verdicts in a stream."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ops.core.arrow import list_members, list_parents, struct_values, table_of, taken
from ops.core.log import Log
from ops.core.schemas import DROPS, PREFERENCES
from ops.core.version_schemas import VERDICTS
from ops.decision.curriculum import Control
from ops.decision.versions import Version
from ops.exports.contract import Facts, GroupRemoval, Reached, Removal
from ops.exports.flips import JUDGED, flip_estimate
from ops.gates.removal_odds import ALPHA
from resources.lake.tables import Lake
from resources.versions.publishing import gate_result

_GROUP = ["dataset", "kind", "action"]
_REASON = ["rule", "audit", "detail", "dataset", "action"]


def facts_of(lake: Lake, version: Version, *, order: Control, repeats: int, left_out: Mapping[str, int]) -> Facts:
    """The version's facts, and the rows that an export of it leaves out as a whole, by why."""
    actions: dict[tuple[str | None, str], Counter[str]] = defaultdict(Counter)
    reasons: Counter[tuple[Any, ...]] = Counter()
    columns = ["dataset", "kind", "action", "reasons"]
    for batch in lake.batches(VERDICTS, where={"version": version.number}, columns=columns):
        rows = pa.Table.from_batches([batch])
        for (dataset, kind, action), count in _counted(rows, _GROUP).items():
            actions[dataset, kind][action] += count
        reasons.update(_counted(_exploded(rows), _REASON))
    return Facts(
        version=version.number,
        made_at=version.made.isoformat(timespec="seconds"),
        content=version.content,
        policy=version.row["policy"],
        code=version.row["code"],
        encoder=version.row["encoder"],
        order=order,
        repeats=repeats,
        licences=_licences(lake, version.row["deliveries"]),
        removals=[_removal(*group, counts) for group, counts in actions.items()],
        left_out=left_out,
        flips=flip_estimate(lake.batches(PREFERENCES, where={"delivery": version.row["deliveries"]}, columns=JUDGED)),
        reasons=[_reached(key, count) for key, count in reasons.items()],
        by_group=_lost_more(lake, version.number),
    )


def _lost_more(lake: Lake, number: int) -> list[GroupRemoval]:
    """The groups that the version's gate found to lose more than the rest by more than chance."""
    result = gate_result(lake, number)
    rows: list[dict[str, Any]] = result["facts"].get("removal", []) if result else []
    names = GroupRemoval.__annotations__
    return [
        GroupRemoval(**{name: row[name] for name in names})
        for row in rows
        if row["p_value"] < ALPHA and row["odds_ratio"] > 1
    ]


def _removal(dataset: str | None, kind: str, counts: Counter[str]) -> Removal:
    return Removal(
        dataset=dataset,
        kind=kind,
        examples=counts.total(),
        keep=counts["keep"],
        downweight=counts["downweight"],
        hold=counts["hold"],
        drop=counts["drop"],
    )


def _reached(key: tuple[Any, ...], examples: int) -> Reached:
    rule, audit, detail, dataset, action = key
    return Reached(rule=rule, audit=audit, detail=detail, dataset=dataset, action=action, examples=examples)


def _counted(rows: pa.Table, columns: list[str]) -> dict[tuple[Any, ...], int]:
    groups = rows.group_by(columns).aggregate([([], "count_all")]).to_pylist()
    return {tuple(row[name] for name in columns): row["count_all"] for row in groups}


def _exploded(rows: pa.Table) -> pa.Table:
    """One row an example and rule that reached it."""
    reasons = list_members(rows["reasons"])
    owner = pa.array(list_parents(rows["reasons"]))
    columns = {name: struct_values(reasons, name) for name in ("rule", "audit", "detail")}
    columns |= {name: taken(rows[name], owner) for name in ("dataset", "action")}
    return table_of({**columns, "owner": owner}).group_by([*_REASON, "owner"]).aggregate([])


def _licences(lake: Lake, deliveries: list[str]) -> dict[str, str]:
    log = Log.of(lake.read(DROPS, where={"delivery": deliveries}))
    return {drop: row["licence"] or "" for drop, row in log.last_by("drop").items()}
