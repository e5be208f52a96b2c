"""The figures that the candidate gate judges: whether a version accounts for every example, and what it removes."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    Column,
    column_of,
    distinct_rows,
    fill_null,
    flags,
    invert,
    is_in,
    list_members,
    list_parents,
    numpy_values,
    rows_where,
    struct_values,
    table_of,
)
from ops.core.hashing import absent, distinct, joined, key_hashes
from ops.decision.policy import MEMBER_ACTIONS, Action
from ops.gates.gate_facts import Batches, counted, share

_ACTIONS = ("kept", "downweighted", "held", "dropped")


@dataclass(frozen=True, slots=True)
class ShareFacts:
    """What a share of a candidate (the same examples of each table) adds to its facts."""

    figures: Mapping[str, int]
    """Examples and rows of tables, and what does not fit between them; summed over shares."""
    by_dataset: Counter[str]
    removed_by_dataset: Counter[str]
    by_delivery: Counter[str]
    removed_by_delivery: Counter[str]
    rules: Counter[str]
    """Removed examples by rule that removed them or spoke against them."""
    weight_min: float | None
    weight_max: float | None


def share_facts(*, examples: np.ndarray, verdicts: Batches, curated: Batches) -> tuple[ShareFacts, np.ndarray]:
    """The facts of a share, from the keys of its examples (hashes; one a row) and streams of its rows of tables; and
    the keys of its members, each once."""
    judged = _Verdicts()
    for batch in verdicts:
        judged.add(batch)
    members = _Members()
    for batch in curated:
        members.add(batch)
    listed, judged_keys = joined(members.keys), joined(judged.keys)
    all_known, all_judged, all_listed = distinct(examples), distinct(judged_keys), distinct(listed)
    wanted = distinct(joined(judged.stay))
    figures = {
        "examples": len(examples),
        "verdicts": len(judged_keys),
        **{name: judged.actions[str(action)] for name, action in zip(_ACTIONS, Action, strict=True)},
        "curated": len(listed),
        "duplicate_verdicts": len(judged_keys) - len(all_judged),
        "unjudged_examples": absent(all_known, all_judged),
        "unknown_verdicts": absent(all_judged, all_known),
        "duplicate_members": len(listed) - len(all_listed),
        "missing_members": absent(wanted, all_listed),
        "unexpected_members": absent(all_listed, wanted),
        "bad_weights": members.bad,
    }
    facts = ShareFacts(
        figures,
        judged.by_dataset,
        judged.removed_by_dataset,
        judged.by_delivery,
        judged.removed_by_delivery,
        judged.rules,
        members.low,
        members.high,
    )
    return facts, all_listed


@dataclass(frozen=True, slots=True)
class OrderKeys:
    """Of a part of a curriculum: hashes of its examples, and of these with their stages; and its positions."""

    keys: np.ndarray
    in_stage: np.ndarray
    positions: np.ndarray


def order_keys(curriculum: Batches) -> OrderKeys:
    """The keys of the rows."""
    order = _Order()
    for batch in curriculum:
        order.add(batch)
    positions = np.concatenate([np.empty(0, dtype=np.int64), *order.positions])
    return OrderKeys(joined(order.keys), joined(order.in_stage), positions)


def order_facts(members: np.ndarray, order: OrderKeys, positions: range) -> dict[str, int]:
    """How the order fits the members (hashes, each once). Both may be those of a range of hashes, with the positions
    that lie in `positions`; figures are summed over the ranges."""
    ordered = distinct(order.keys)
    wanted = np.arange(positions.start, positions.stop)
    return {
        "curriculum": len(order.keys),
        "missing_in_curriculum": absent(members, ordered),
        "unknown_in_curriculum": absent(ordered, members),
        "repeated_in_stage": len(order.in_stage) - len(distinct(order.in_stage)),
        "repeated_in_curriculum": len(order.keys) - len(ordered),
        # Positions of 0 to n-1 that no row has; none exactly where the positions are a permutation.
        "wrong_positions": absent(wanted, distinct(order.positions)),
    }


def candidate_facts(
    shares: Sequence[ShareFacts],
    order: Sequence[Mapping[str, int]],
    *,
    strange_verdicts: int = 0,
    strange_members: int = 0,
) -> dict[str, pa.Table]:
    """Facts of a candidate version, from those of its shares and of its order. Strange rows are of no share: they speak
    of other deliveries than the version's.

    `version`, one row: examples, verdicts, kept, downweighted, held, dropped, curated, lost (examples less curated,
    held and dropped), duplicate_verdicts, unjudged_examples, unknown_verdicts, duplicate_members, missing_members,
    unexpected_members, removed_share, top_rules (of the removed), bad_weights, weight_min, weight_max, curriculum,
    missing_in_curriculum, unknown_in_curriculum, repeated_in_stage, repeated_in_curriculum, wrong_positions.
    `datasets`: dataset, examples, removed, removed_share. `drops`: the same by delivery.
    """
    strange = {
        **dict.fromkeys(("verdicts", "unknown_verdicts"), strange_verdicts),
        **dict.fromkeys(("curated", "unexpected_members"), strange_members),
    }
    figures = added([*(own.figures for own in shares), strange])
    removed = figures["held"] + figures["dropped"]
    lows = [own.weight_min for own in shares if own.weight_min is not None]
    highs = [own.weight_max for own in shares if own.weight_max is not None]
    version = {
        **figures,
        "lost": figures["examples"] - figures["curated"] - removed,
        "removed_share": share(removed, figures["examples"]),
        "top_rules": ", ".join(f"{rule} {rows}" for rule, rows in _most_common(own.rules for own in shares)),
        "weight_min": min(lows, default=None),
        "weight_max": max(highs, default=None),
        **added(order),
    }
    datasets = [(own.by_dataset, own.removed_by_dataset) for own in shares]
    drops = [(own.by_delivery, own.removed_by_delivery) for own in shares]
    return {
        "version": pa.Table.from_pylist([version]),
        "datasets": _removed_table("dataset", *_summed(datasets)),
        "drops": _removed_table("delivery", *_summed(drops)),
    }


def added(figures: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The figures of several, each summed."""
    total: dict[str, int] = {}
    for own in figures:
        for name, value in own.items():
            total[name] = total.get(name, 0) + value
    return total


def _summed(pairs: Sequence[tuple[Counter[str], Counter[str]]]) -> tuple[Counter[str], Counter[str]]:
    total, removed = Counter[str](), Counter[str]()
    for own, gone in pairs:
        total.update(own)
        removed.update(gone)
    return total, removed


def _most_common(rules: Iterable[Counter[str]]) -> list[tuple[str, int]]:
    """The five most common, those of as many rows in the order of their names."""
    total = Counter[str]()
    for own in rules:
        total.update(own)
    return sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))[:5]


def by_hash(hashes: np.ndarray, ranges: int) -> list[np.ndarray]:
    """The hashes, sorted, by so many equal ranges of their values."""
    edges = np.array([2**64 * at // ranges for at in range(1, ranges)], dtype=np.uint64)
    ordered = np.sort(hashes)
    return np.split(ordered, np.searchsorted(ordered, edges))


def replays(config: str | None) -> bool:
    """Whether the version's configuration (JSON) lets later stages repeat examples of earlier ones."""
    return bool(json.loads(config or "{}").get("curriculum", {}).get("replay"))


@dataclass(slots=True)
class _Verdicts:
    """Counts of a version's verdicts, batch by batch."""

    keys: list[np.ndarray] = field(default_factory=list)
    stay: list[np.ndarray] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    by_dataset: Counter[str] = field(default_factory=Counter)
    removed_by_dataset: Counter[str] = field(default_factory=Counter)
    by_delivery: Counter[str] = field(default_factory=Counter)
    removed_by_delivery: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    """Removed examples by rule that removed them or spoke against them."""

    def add(self, batch: pa.RecordBatch) -> None:
        keys = key_hashes(batch)
        stays = is_in(column_of(batch, "action"), pa.array(MEMBER_ACTIONS))
        removed = rows_where(batch, invert(stays))
        self.keys.append(keys)
        self.stay.append(keys[flags(stays)])
        self.actions.update(counted(column_of(batch, "action")))
        self.by_dataset.update(counted(column_of(batch, "dataset")))
        self.removed_by_dataset.update(counted(column_of(removed, "dataset")))
        self.by_delivery.update(counted(column_of(batch, "delivery")))
        self.removed_by_delivery.update(counted(column_of(removed, "delivery")))
        self.rules.update(counted(_rules(column_of(removed, "reasons"))))


@dataclass(slots=True)
class _Members:
    """Keys and weights of a version's members, batch by batch."""

    keys: list[np.ndarray] = field(default_factory=list)
    bad: int = 0
    low: float | None = None
    high: float | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        self.keys.append(key_hashes(batch))
        weights = numpy_values(column_of(batch, "weight")).astype(np.float64)
        self.bad += int((~((weights >= 0) & (weights <= 1))).sum())
        finite = weights[np.isfinite(weights)]
        if len(finite):
            self.low = float(min(finite.min(), np.inf if self.low is None else self.low))
            self.high = float(max(finite.max(), -np.inf if self.high is None else self.high))


@dataclass(slots=True)
class _Order:
    """Keys and positions of a curriculum, batch by batch."""

    keys: list[np.ndarray] = field(default_factory=list)
    in_stage: list[np.ndarray] = field(default_factory=list)
    positions: list[np.ndarray] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        self.keys.append(key_hashes(batch))
        self.in_stage.append(key_hashes(batch, ("stage", "delivery", "example_id")))
        self.positions.append(numpy_values(fill_null(column_of(batch, "position"), -1)))


def _removed_table(name: str, total: Counter[str], removed: Counter[str]) -> pa.Table:
    rows = [
        {name: group, "examples": n, "removed": removed[group], "removed_share": share(removed[group], n)}
        for group, n in sorted(total.items())
    ]
    columns = {name: pa.string(), "examples": pa.int64(), "removed": pa.int64(), "removed_share": pa.float64()}
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def _rules(reasons: Column) -> Column:
    """The rules in a column of reasons, each once a row."""
    carried = struct_values(list_members(reasons), "rule")
    return distinct_rows(table_of({"row": pa.array(list_parents(reasons)), "rule": carried}))["rule"]
