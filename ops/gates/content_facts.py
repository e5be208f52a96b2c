"""Figures of a candidate's content: judgements that contradict each other, and targets that are polluted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import column_of, flags, is_in, is_valid, type_of
from ops.core.hashing import distinct, joined, key_hashes, present
from ops.gates.candidate_facts import added, by_hash
from ops.gates.gate_facts import Batches, share

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


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries about images that were judged (hashes, each once): all, those judged both ways, and of these those where
    neither votes nor annotators settle what contradicts (a tie, too little certainty, a cycle)."""

    judged: np.ndarray
    contradicted: np.ndarray
    unresolved: np.ndarray

    def parts(self, ranges: int) -> "list[Queries]":
        """By ranges of hashes."""
        cut = [by_hash(own, ranges) for own in (self.judged, self.contradicted, self.unresolved)]
        return [Queries(*own) for own in zip(*cut, strict=True)]


def judged_queries(judgements: Batches, contradictions: Batches) -> Queries:
    """From rows of `preferences` and of the audit `contradictions` about the same deliveries; both are read for their
    keys (delivery, judgement_id) only, `judgements` for image_key and query_key too."""
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
    bad, left = (distinct(joined(part[n] for part in places)) for n in range(2))
    return Queries(distinct(joined(queries)), bad, left)


def query_counts(*queries: Queries) -> tuple[int, int, int]:
    """How many queries there are: judged, contradicted and unresolved."""
    fields = ((own.judged, own.contradicted, own.unresolved) for own in queries)
    judged, bad, left = (len(distinct(joined(own))) for own in zip(*fields, strict=True))
    return judged, bad, left


def contradiction_facts(counts: Iterable[tuple[int, int, int]]) -> dict[str, pa.Table]:
    """How many of the queries about an image that were judged are judged both ways, in one row, under the name
    `judgements`: judged_queries, contradicted_queries, contradicted_share, unresolved_queries, unresolved_share; from
    the counts of ranges of queries."""
    judged, bad, left = (sum(own) for own in zip((0, 0, 0), *counts, strict=True))
    row = {
        "judged_queries": judged,
        "contradicted_queries": bad,
        "contradicted_share": share(bad, judged),
        "unresolved_queries": left,
        "unresolved_share": share(left, judged),
    }
    return {"judgements": pa.Table.from_pylist([row])}


@dataclass(frozen=True, slots=True)
class Pollution:
    """SFT examples of a share; those with preference data or a judge's traces among their targets, also by audit."""

    sft: int
    polluted: int
    by_audit: Mapping[str, int]


def pollution(sft: int, measures: Mapping[str, Batches]) -> Pollution:
    """`measures` maps audits of POLLUTED to rows of theirs about the share, read for their keys and the columns named
    there."""
    polluted = {name: distinct(joined(_polluted(rows, POLLUTED[name]))) for name, rows in measures.items()}
    by_audit = {name: len(keys) for name, keys in polluted.items()}
    return Pollution(sft, len(distinct(joined(polluted.values()))), by_audit)


def pollution_facts(shares: Sequence[Pollution]) -> dict[str, pa.Table]:
    """How many SFT examples have preference data or a judge's traces among their targets, in one row, under the name
    `targets`: sft_examples, polluted_examples, polluted_share, by_audit."""
    sft, polluted = sum(own.sft for own in shares), sum(own.polluted for own in shares)
    row = {
        "sft_examples": sft,
        "polluted_examples": polluted,
        "polluted_share": share(polluted, sft),
        "by_audit": ", ".join(f"{name} {rows}" for name, rows in sorted(added(own.by_audit for own in shares).items())),
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
