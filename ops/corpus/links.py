"""What rows of the corpus share: the keys through which the measures of one row depend on other rows.

An audit that says so by `Links` is measured anew only where something changed: for the rows that share a key with a row
that came or went, from these and from all that share a key with them. What it made of all others stays.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType

from ops.corpus.tables import CorpusTables

KEYS = "link_keys"
"""The column of a row's key (long), or of its keys (array of long) where it may have several."""
_FEW = 4_000_000
"""Keys or names of rows that each worker holds, instead of all rows being moved to them: some 100 MB."""
_EXAMPLE = ("delivery", "example_id")
_TURN, _JUDGEMENT = (*_EXAMPLE, "turn"), (*_EXAMPLE, "judgement_id")
_UNITS = {
    **dict.fromkeys(("turns", "turn_words", "asked_turns"), _TURN),
    **dict.fromkeys(("preferences", "judged_words"), _JUDGEMENT),
}


@dataclass(frozen=True, slots=True)
class State:
    """What an audit knows of the whole corpus: plain values, and a name that is equal where they are."""

    value: Any
    name: str


@dataclass(frozen=True, slots=True)
class Links:
    """How the measures of an audit hang together.

    `keys(tables, settings)` gives the tables whose rows have keys, each with the column KEYS; rows of the other tables
    go with their example. The measures of a row of `subject` are those that it has among the rows that it shares a key
    with.
    """

    subject: str
    keys: Callable[[CorpusTables, Any], Mapping[str, DataFrame]]
    state: Callable[[CorpusTables, Any], State] | None = None
    """What `measure` must know of the whole corpus beside the rows; it is given to it as `state`."""
    unsettled: str | None = None
    """Which measures another state changes, as a condition in SQL; all where None."""
    near: Callable[[CorpusTables, Mapping[str, DataFrame], Any], DataFrame] | None = None
    """`near(tables, rows, settings)`: further keys (column `key`) by which `rows` of the tables that have keys hang
    together with others: those of rows that they are compared with although no key is the same."""
    passes_on: bool = False
    """Whether what is said of a row depends on which of the rows that it shares a key with have measures, which depends
    on others again. `measure` is then also given `settled`: the rows of which that is known and not to be found anew,
    by name (`unit_of(subject)`), with whether they have measures (`leaves`)."""


def unit_of(table: str) -> tuple[str, ...]:
    """The columns that name a row of the table."""
    return _UNITS.get(table, _EXAMPLE)


def keyed(rows: DataFrame, *keys: Column) -> DataFrame:
    """The rows with their keys; a null is none."""
    if len(keys) > 1:
        return rows.withColumn(KEYS, F.filter(F.array(*keys), lambda key: key.isNotNull()))
    return rows.withColumn(KEYS, keys[0] if keys else F.lit(None).cast("long"))


def key_of(kind: str, *columns: str | Column) -> Column:
    """The key of rows that are equal in these columns; kinds keep what is compared in one way apart from another."""
    return F.xxhash64(F.lit(kind), *columns)


def has_several(rows: DataFrame) -> bool:
    """Whether a row may have several keys."""
    return isinstance(rows.schema[KEYS].dataType, ArrayType)


def keys_of(frames: Iterable[DataFrame]) -> DataFrame:
    """The keys of rows, as `key`; one that several rows have comes several times."""
    every = [
        frame.select((F.explode(KEYS) if has_several(frame) else F.col(KEYS)).alias("key")).where("key IS NOT NULL")
        for frame in frames
    ]
    return reduce(DataFrame.unionByName, every)


def few(rows: DataFrame) -> DataFrame:
    """The rows, computed once; each worker gets all of them where they are few."""
    # Not persisted: Spark compares each plan with that of every frame that is, and these plans are long. Not eager: the
    # count is the one job that computes them.
    kept = rows.localCheckpoint(eager=False)
    return F.broadcast(kept) if kept.count() <= _FEW else kept


def with_keys(rows: DataFrame, keys: DataFrame, unit: tuple[str, ...]) -> DataFrame:
    """Of the rows (each named by `unit`) those that have one of the `keys`."""
    if not has_several(rows):
        return rows.join(keys.withColumnRenamed("key", KEYS), KEYS, "left_semi").select(*rows.columns)
    places = rows.select(*unit, F.explode(KEYS).alias("key")).join(keys, "key", "left_semi")
    return rows.join(few(places.select(*unit)), list(unit), "left_semi").select(*rows.columns)
