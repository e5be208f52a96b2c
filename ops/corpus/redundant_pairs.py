"""Alike pairs of the corpus, by the ranks of both (ops/corpus/staying.py): which of them decide, and what is chosen."""

from collections.abc import Callable

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.components import with_components
from ops.corpus.groups import by_group
from ops.corpus.links import few
from ops.corpus.staying import RANK

OTHER = tuple(f"other_{name}" for name in RANK)
_KEY = ["delivery", "example_id"]
_TYPES = (pa.int32(), pa.int32(), pa.string(), pa.string())
RANKS = pa.schema([pa.field(name, kind) for name, kind in zip((*RANK, *OTHER), 2 * _TYPES, strict=True)])
"""The ranks of two examples, the one that would go first."""


def undecided(pairs: DataFrame, settled: DataFrame | None) -> DataFrame:
    """The pairs that decide whether an example stays of which that is not `settled` (ops/corpus/links.py)."""
    if settled is None:
        return pairs
    known = few(settled)
    gone = known.where("leaves").select(*(F.col(name).alias(f"other_{name}") for name in _KEY))
    return pairs.join(known, _KEY, "left_anti").join(gone, gone.columns, "left_anti")


def chosen_pairs(alike: DataFrame, choose: Callable[[pa.Table], pa.Table], schema: pa.Schema) -> DataFrame:
    """What `choose` makes of the pairs that hang together: rows of `schema`, and whether both are of one delivery. The
    caller has computed the pairs."""
    ends = {end: F.xxhash64(*(f"{side}{name}" for name in _KEY)) for end, side in (("one", ""), ("two", "other_"))}
    together = with_components(alike.withColumns(ends), "one", "two").groupBy("component")
    chosen = by_group(together, choose, schema)
    return chosen.withColumn("same_delivery", F.col("delivery") == F.col("other_delivery"))
