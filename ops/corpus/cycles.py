"""Preferences that go round in a circle: A over B, B over C, C over A.

Within one context (images and query) the net majority of each pair is an edge from the winner to the loser; pairs that
are tied have none. A strongly connected component of three responses and more is a cycle: no order of its members
agrees with all the majorities. Contexts are sorted and searched by Arrow batches, without a call for each group. A
context of more than `most_pairs` pairs is not searched, and its judgements say so.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import rows_where, with_column
from ops.corpus.graphs import perhaps_cyclic, strong_components
from ops.corpus.groups import group_starts, whole_groups
from ops.corpus.judgements import CHECKED, VOTES

_SMALLEST = 3
_SUSPECTS = pa.schema([("context", pa.int64()), ("may_cycle", pa.bool_()), ("is_cycle_too_large", pa.bool_())])
_CYCLES = ("first_member", "cycle_size", "is_top_cycle")
_IN_CYCLES = pa.schema(
    [
        *((name, pa.int64()) for name in CHECKED),
        *VOTES,
        ("is_cycle_too_large", pa.bool_()),
        *zip(_CYCLES, (pa.int64(), pa.int32(), pa.bool_()), strict=True),
    ]
)


def suspect_contexts(subjects: DataFrame, *, most_pairs: int) -> DataFrame:
    """Contexts (hashes) of `subjects` with a subject judged both ways, or that `may_cycle`: that seem to hold a cycle
    of three responses when every direction that anyone voted for is an edge."""

    def search(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (suspects(batch, most_pairs=most_pairs) for batch in whole_groups(batches, ["context"]))

    return subjects.sortWithinPartitions("context").mapInArrow(search, from_arrow_schema(_SUSPECTS))


def contested_or_cyclic(votes: DataFrame) -> DataFrame:
    """The subjects of `votes_of` that are judged both ways, or that are edges of a cycle, or whose context is too large
    to search. `first_member` (the smallest hash of a response) names the cycle with its context, `cycle_size` counts
    its responses, `is_top_cycle`: no response outside beats one inside; null where there is none."""
    context = CHECKED[:2]

    def search(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(in_cycles, whole_groups(batches, context))

    return votes.sortWithinPartitions(*context).mapInArrow(search, from_arrow_schema(_IN_CYCLES))


def suspects(batch: pa.RecordBatch, *, most_pairs: int) -> pa.RecordBatch:
    """The contexts that deserve an exact look, of a batch of whole contexts (`context`, `low_hash`, `high_hash`,
    `is_yes`, `is_no`)."""
    context, low, high, yes, no = (batch.column(n).to_numpy(zero_copy_only=False) for n in range(5))
    starts = group_starts(batch, ["context"])
    of = np.cumsum(starts) - 1
    too_large = np.bincount(of, high != 0) > most_pairs
    searched = ~too_large[of] & (high != 0)
    ahead, back = np.flatnonzero(searched & yes), np.flatnonzero(searched & no)
    edge = np.concatenate([ahead, back])
    nodes, _ = _numbered(of[edge], np.r_[low[ahead], high[back]], np.r_[high[ahead], low[back]])
    kept = perhaps_cyclic(*nodes)
    # Where a node is left, edges lead to it and from it, so that the sources are all the nodes.
    _, firsts = np.unique(nodes[0][kept], return_index=True)
    may_cycle = np.bincount(of[edge[kept]][firsts], minlength=len(too_large)) >= _SMALLEST
    wanted = too_large | may_cycle | (np.bincount(of, yes & no) > 0)
    columns = [context[starts][wanted], may_cycle[wanted], too_large[wanted]]
    return pa.record_batch([pa.array(values) for values in columns], schema=_SUSPECTS)


def in_cycles(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The subjects that contradict each other, of a batch of whole contexts (rows of `votes_of`), with their cycles."""
    column = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names}
    low, high, yes, no = (column[name] for name in ("low_hash", "high_hash", "yes", "no"))
    of = np.cumsum(group_starts(batch, CHECKED[:2])) - 1
    edge = np.flatnonzero(column["may_cycle"] & (high != 0) & (yes != no))
    low_wins = (yes > no)[edge]
    winner, loser = np.where(low_wins, low[edge], high[edge]), np.where(low_wins, high[edge], low[edge])
    nodes, names = _numbered(of[edge], winner, loser)
    cycle, *about = _cycles(*nodes, names)
    at, number = edge[cycle >= 0], cycle[cycle >= 0]
    in_cycle = np.zeros(batch.num_rows, dtype=bool)
    in_cycle[at] = True
    rows = batch.select([name for name in batch.schema.names if name != "may_cycle"])
    for name, values in zip(_CYCLES, about, strict=True):
        every = np.zeros(batch.num_rows, dtype=values.dtype)
        every[at] = values[number]
        rows = with_column(rows, name, pa.array(every, mask=~in_cycle))
    wanted = ((yes > 0) & (no > 0)) | in_cycle | column["is_cycle_too_large"]
    return rows_where(rows, pa.array(wanted))


def _numbered(
    contexts: np.ndarray, sources: np.ndarray, targets: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Edges between responses as edges between numbers from 0, other ones in each context; and the response of each
    number."""
    within, responses = np.tile(contexts, 2), np.r_[sources, targets]
    order = np.lexsort((responses, within))
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (np.diff(within[order]) != 0) | (np.diff(responses[order]) != 0)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(starts) - 1
    return (numbers[: len(contexts)], numbers[len(contexts) :]), responses[order][starts]


def _cycles(
    winners: np.ndarray, losers: np.ndarray, names: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The cycle of each edge, -1 for none; and of each cycle its least name, its size, and whether nothing beats it."""
    kept = perhaps_cyclic(winners, losers)
    component = strong_components(winners[kept], losers[kept], len(names))
    sizes = np.bincount(component)
    is_cycle = sizes >= _SMALLEST
    cycle = np.where(is_cycle, np.cumsum(is_cycle) - 1, -1)[component]
    within = cycle[winners] == cycle[losers]
    is_top = np.ones(is_cycle.sum(), dtype=bool)
    is_top[cycle[losers[~within & (cycle[losers] >= 0)]]] = False
    least = np.full(len(is_top), np.iinfo(np.int64).max)
    np.minimum.at(least, cycle[cycle >= 0], names[cycle >= 0])
    return np.where(within, cycle[winners], -1), least, sizes[is_cycle].astype(np.int32), is_top
