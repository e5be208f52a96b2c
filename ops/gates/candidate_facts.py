"""The figures that the candidate gate judges: whether a version accounts for every example, and what it removes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    Column,
    column_of,
    compare,
    distinct_rows,
    fill_null,
    flags,
    invert,
    is_in,
    is_valid,
    list_members,
    list_parents,
    numpy_values,
    rows_where,
    struct_values,
    table_of,
    type_of,
)
from ops.core.hashing import absent, distinct, joined, key_hashes, present
from ops.decision.policy import MEMBER_ACTIONS, Action
from ops.gates.gate_facts import Batches, counted, share

#: Columns of the audit `contradictions` that say that a judgement cannot hold together with others.
CONTRADICTED = ("is_good_and_bad", "is_flip", "in_cycle")

#: Audits whose measures say that a target is polluted, and the columns one of which is then true, or not null where it
#: is text; without columns every row says so.
POLLUTED: dict[str, tuple[str, ...]] = {
    "rejected_as_target": (),
    # By their words alone: what only an encoder takes for a rejected response is a hint.
    "reward_leaks": ("by_words", "is_both_sides", "is_held_out_prompt"),
    "reward_residue": ("kind",),
}


def candidate_facts(
    *, examples: Batches, verdicts: Batches, curated: Batches, curriculum: Batches
) -> dict[str, pa.Table]:
    """Facts of a candidate version, from streams of its tables; eight bytes a row are held.

    `version`, one row: examples, verdicts, kept, downweighted, held, dropped, curated, lost (examples less curated,
    held and dropped), duplicate_verdicts, unjudged_examples, unknown_verdicts, duplicate_members, missing_members,
    unexpected_members, removed_share, top_rules (of the removed), bad_weights, weight_min, weight_max, curriculum,
    missing_in_curriculum, unknown_in_curriculum, repeated_in_stage, repeated_in_curriculum, wrong_positions.
    `datasets`: dataset, examples, removed, removed_share. `drops`: the same by delivery.
    """
    known = joined(key_hashes(batch) for batch in examples)
    judged = _Verdicts()
    for batch in verdicts:
        judged.add(batch)
    members = _Members()
    for batch in curated:
        members.add(batch)
    order = _Order()
    for batch in curriculum:
        order.add(batch)
    kept, downweighted, held, dropped = (judged.actions[str(action)] for action in Action)
    listed, judged_keys = joined(members.keys), joined(judged.keys)
    all_known, all_judged, all_listed = distinct(known), distinct(judged_keys), distinct(listed)
    wanted = distinct(joined(judged.stay))
    version = {
        "examples": len(known),
        "verdicts": len(judged_keys),
        "kept": kept,
        "downweighted": downweighted,
        "held": held,
        "dropped": dropped,
        "curated": len(listed),
        "lost": len(known) - len(listed) - held - dropped,
        "duplicate_verdicts": len(judged_keys) - len(all_judged),
        "unjudged_examples": absent(all_known, all_judged),
        "unknown_verdicts": absent(all_judged, all_known),
        "duplicate_members": len(listed) - len(all_listed),
        "missing_members": absent(wanted, all_listed),
        "unexpected_members": absent(all_listed, wanted),
        "removed_share": share(held + dropped, len(known)),
        "top_rules": ", ".join(f"{rule} {rows}" for rule, rows in judged.rules.most_common(5)),
        "bad_weights": members.bad,
        "weight_min": members.low,
        "weight_max": members.high,
        **order.facts(all_listed),
    }
    return {
        "version": pa.Table.from_pylist([version]),
        "datasets": _removed_table("dataset", judged.by_dataset, judged.removed_by_dataset),
        "drops": _removed_table("delivery", judged.by_delivery, judged.removed_by_delivery),
    }


def contradiction_facts(judgements: Batches, contradictions: Batches) -> dict[str, pa.Table]:
    """How many of the queries about an image that were judged are judged both ways, in one row, under the name
    `judgements`: judged_queries, contradicted_queries, contradicted_share, and of the judged queries those where
    neither votes nor annotators settle what contradicts (a tie, too little certainty, a cycle): unresolved_queries,
    unresolved_share.

    `judgements` are rows of `preferences`, `contradictions` those of the audit of that name; both are read for their
    keys (delivery, judgement_id) only, `judgements` for image_key and query_key too.
    """
    against: list[np.ndarray] = []
    open_ones: list[np.ndarray] = []
    for batch in contradictions:
        wrong = np.logical_or.reduce([flags(column_of(batch, name)) for name in CONTRADICTED])
        settled = flags(is_in(column_of(batch, "side"), pa.array(["upheld", "overruled"])))
        keys = key_hashes(batch, _JUDGEMENT)
        against.append(keys[wrong])
        open_ones.append(keys[wrong & ~settled])
    contradicted, unresolved = distinct(joined(against)), distinct(joined(open_ones))
    queries: list[np.ndarray] = []
    places: list[tuple[np.ndarray, np.ndarray]] = []
    for batch in judgements:
        queries.append(key_hashes(batch, ("image_key", "query_key")))
        keys = key_hashes(batch, _JUDGEMENT)
        places.append((queries[-1][present(keys, contradicted)], queries[-1][present(keys, unresolved)]))
    judged = len(distinct(joined(queries)))
    bad, left = (len(distinct(joined(part[n] for part in places))) for n in range(2))
    row = {
        "judged_queries": judged,
        "contradicted_queries": bad,
        "contradicted_share": share(bad, judged),
        "unresolved_queries": left,
        "unresolved_share": share(left, judged),
    }
    return {"judgements": pa.Table.from_pylist([row])}


def pollution_facts(examples: Batches, measures: Mapping[str, Batches]) -> dict[str, pa.Table]:
    """How many SFT examples have preference data or a judge's traces among their targets, in one row, under the name
    `targets`: sft_examples, polluted_examples, polluted_share, by_audit.

    `examples` are read for their keys and `kind`; `measures` maps audits of POLLUTED to rows of theirs, read for their
    keys and the columns named there.
    """
    known = joined(key_hashes(rows_where(batch, compare(column_of(batch, "kind"), "==", "sft"))) for batch in examples)
    polluted = {name: distinct(joined(_polluted(rows, POLLUTED[name]))) for name, rows in measures.items()}
    count = len(distinct(joined(polluted.values())))
    row = {
        "sft_examples": len(known),
        "polluted_examples": count,
        "polluted_share": share(count, len(known)),
        "by_audit": ", ".join(f"{name} {len(keys)}" for name, keys in sorted(polluted.items())),
    }
    return {"targets": pa.Table.from_pylist([row])}


def _polluted(measures: Batches, columns: tuple[str, ...]) -> Iterator[np.ndarray]:
    """The examples (as hashes) of the rows that say that a target is polluted."""
    for batch in measures:
        says_so = np.full(batch.num_rows, not columns)
        for name in columns:
            flagged = column_of(batch, name)
            is_flag = pa.types.is_boolean(type_of(flagged))
            says_so |= flags(flagged if is_flag else is_valid(flagged))
        yield key_hashes(batch)[says_so]


_JUDGEMENT = ("delivery", "judgement_id")


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

    def facts(self, members: np.ndarray) -> dict[str, int]:
        keys, in_stage = joined(self.keys), joined(self.in_stage)
        ordered = distinct(keys)
        positions = np.concatenate([np.empty(0, dtype=np.int64), *self.positions])
        return {
            "curriculum": len(keys),
            "missing_in_curriculum": absent(members, ordered),
            "unknown_in_curriculum": absent(ordered, members),
            "repeated_in_stage": len(in_stage) - len(distinct(in_stage)),
            "repeated_in_curriculum": len(keys) - len(ordered),
            # Positions of 0 to n-1 that no row has; none exactly where the positions are a permutation.
            "wrong_positions": absent(np.arange(len(positions)), distinct(positions)),
        }


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
