"""Preferences that go round in a circle: A over B, B over C, C over A.

Within one context (images and query) the net majority of each pair is an edge from the winner to the loser; pairs that
are tied have none. A strongly connected component of three responses and more is a cycle: no order of its members
agrees with all the majorities. Contexts are packed into arrays and searched by Arrow batches, without a call for each
group. A context of more than `most_pairs` pairs is not searched, and its judgements say so.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.judgements import CONTEXT, SUBJECT
from ops.graphs import strong_components

_SMALLEST = 3
_SUSPECTS = pa.schema([("context", pa.int64()), ("may_cycle", pa.bool_()), ("is_cycle_too_large", pa.bool_())])
_SUSPECTS_DDL = "context long, may_cycle boolean, is_cycle_too_large boolean"
_EDGES = pa.schema(
    [
        *((name, pa.string()) for name in [*SUBJECT, "first_member"]),
        ("cycle_size", pa.int32()),
        ("is_top_cycle", pa.bool_()),
    ]
)
_EDGES_DDL = "image_key string, query_key string, low string, high string, first_member string, cycle_size int, " + (
    "is_top_cycle boolean"
)


def suspect_contexts(subjects: DataFrame, *, most_pairs: int) -> DataFrame:
    """Contexts (hashes) of `subjects` with a subject judged both ways, or that `may_cycle`: that hold a component of
    three responses when every direction that anyone voted for is an edge."""
    pair = F.when(F.col("high_hash") != 0, F.struct("low_hash", "high_hash", "is_yes", "is_no"))
    packed = subjects.groupBy("context").agg(
        F.max(F.col("is_yes") & F.col("is_no")).alias("is_contested"), F.collect_list(pair).alias("pairs")
    )

    def search(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (suspects(batch, most_pairs=most_pairs) for batch in batches)

    worth_a_look = packed.where(F.col("is_contested") | (F.size("pairs") >= _SMALLEST))
    return worth_a_look.mapInArrow(search, _SUSPECTS_DDL)


def cycle_edges(votes: DataFrame) -> DataFrame:
    """The subjects of `votes_of` that are edges of a cycle: `first_member` (smallest response key) names it with its
    context, `cycle_size` counts its responses, `is_top_cycle`: no response outside beats one inside."""
    packed = votes.where("high != '' AND yes != no").groupBy(*CONTEXT)
    won = F.struct("low", "high", (F.col("yes") > F.col("no")).alias("low_wins"))
    several = packed.agg(F.collect_list(won).alias("edges")).where(F.size("edges") >= _SMALLEST)
    return several.mapInArrow(_edges, _EDGES_DDL)


def suspects(batch: pa.RecordBatch, *, most_pairs: int) -> pa.RecordBatch:
    """The rows of a batch of packed contexts (`context`, `is_contested`, `pairs`) that deserve an exact look."""
    lists = cast(pa.ListArray, batch.column("pairs"))
    low, high, yes, no = (cast(list[Any], cast(pa.StructArray, lists.flatten()).field(n).to_pylist()) for n in range(4))
    ends = list(accumulate(cast(list[int], lists.value_lengths().to_pylist())))
    rows = []
    for at, (context, contested) in enumerate(zip(*(batch.column(n).to_pylist() for n in range(2)), strict=True)):
        start, end = ends[at - 1] if at else 0, ends[at]
        too_large = end - start > most_pairs
        cyclic = not too_large and _has_cycle(low[start:end], high[start:end], yes[start:end], no[start:end])
        if contested or too_large or cyclic:
            rows.append((context, cyclic, too_large))
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.record_batch([pa.array(c, f.type) for c, f in zip(columns, _SUSPECTS, strict=True)], schema=_SUSPECTS)


def _has_cycle(low: Sequence[int], high: Sequence[int], yes: Sequence[bool], no: Sequence[bool]) -> bool:
    if len(low) < _SMALLEST:
        return False
    edges = [(a, b) for a, b, y in zip(low, high, yes, strict=True) if y]
    edges += [(b, a) for a, b, n in zip(low, high, no, strict=True) if n]
    # Every member of a cycle wins once and loses once.
    if len({a for a, _ in edges} & {b for _, b in edges}) < _SMALLEST:
        return False
    return any(len(component) >= _SMALLEST for component in strong_components(edges))


def _edges(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [
            {"image_key": context["image_key"], "query_key": context["query_key"], **edge}
            for context in batch.to_pylist()
            for edge in _edges_of(context["edges"])
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=_EDGES)


def _edges_of(pairs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    won = [(p["low"], p["high"]) if p["low_wins"] else (p["high"], p["low"]) for p in pairs]
    for component in strong_components(won):
        if len(component) < _SMALLEST:
            continue
        inside = set(component)
        is_top = not any(loser in inside and winner not in inside for winner, loser in won)
        shared = {"first_member": min(component), "cycle_size": len(component), "is_top_cycle": is_top}
        for pair in pairs:
            if pair["low"] in inside and pair["high"] in inside:
                yield {"low": pair["low"], "high": pair["high"], **shared}
