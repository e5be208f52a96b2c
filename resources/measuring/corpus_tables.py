"""The tables of a corpus as its audits get them, and what they measured on its way into the lake."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contract import Audit, StoredKeys
from ops.core.canonical import RULES
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, TableSpec
from ops.core.tables import TABLES
from ops.corpus.links import Links, State
from ops.text.turn_rows import TURN_RULES, TURN_TABLES
from resources.engines.spark_tables import in_ranges, read_frame, write_frame
from resources.lake.tables import Lake
from resources.measuring.clusters import fill_clusters
from resources.measuring.keys import fill_keys
from resources.measuring.turns import fill_turns

ARRIVALS = "arrivals"


def corpus_tables(
    spark: SparkSession,
    lake: Lake,
    audit: Audit,
    settings: Any,
    deliveries: Sequence[str],
    encoder: str,
    *,
    bank: State | None = None,
) -> dict[str, DataFrame]:
    """The tables that an audit reads, with the columns that it looks at, of the deliveries in the order in which their
    drops came. Keys that are made for it are made where they are missing, and clusters by the `bank` of their centres.
    """
    tables: dict[str, DataFrame] = {}
    keys = {own.spec.name: own for own in audit.keys}
    for name, columns in audit.reads.items():
        if own := keys.get(name):
            tables[name] = _keys(spark, lake, own, settings, columns, deliveries)
        elif bank and audit.clusters and name == audit.clusters.spec.name:
            read = partial(read_tables, spark, lake, audit.clusters.reads, encoder=encoder)
            fill = partial(fill_clusters, lake, audit.clusters, bank, deliveries, read)
            tables[name] = _made(spark, lake, audit.clusters.spec, columns, deliveries, rules=bank.name, fill=fill)
        else:
            tables[name] = _table(spark, lake, name, columns, deliveries, encoder)
    return tables


def read_tables(
    spark: SparkSession,
    lake: Lake,
    reads: Mapping[str, Sequence[str]],
    deliveries: Sequence[str],
    *,
    encoder: str,
) -> dict[str, DataFrame]:
    """These columns of these tables, of the deliveries' rows."""
    return {name: _table(spark, lake, name, columns, deliveries, encoder) for name, columns in reads.items()}


def corpus_table(
    spark: SparkSession, lake: Lake, spec: TableSpec, columns: Sequence[str], deliveries: Sequence[str]
) -> DataFrame:
    """One table of the deliveries' rows."""
    if spec in TURN_TABLES:
        fill = partial(fill_turns, spark, lake, spec, deliveries)
        return _made(spark, lake, spec, columns, deliveries, rules=TURN_RULES, fill=fill)
    return read_frame(spark, lake, spec, where={"delivery": list(deliveries)}, columns=columns)


def write_measures(
    measures: DataFrame,
    lake: Lake,
    spec: TableSpec,
    identity: str,
    deliveries: Sequence[str],
    *,
    carried: DataFrame | None = None,
) -> int:
    """Writes the measures under their identity, those of examples in their order; returns how many rows they are.
    `carried` are measures of other rows that were written before: they stay in the order in which they lie."""
    frame = measures.withColumn("identity", F.lit(identity)).select(*spec.schema.names)
    if "example_id" in spec.schema.names:
        frame = in_ranges(frame, delivery_rows(lake, deliveries))
    if carried is not None:
        frame = carried.withColumn("identity", F.lit(identity)).select(*spec.schema.names).unionByName(frame)
    write_frame(frame, lake, spec, partition={"identity": identity}, once=identity)
    return sum(part.rows for part in lake.parts(spec, where={"identity": identity}))


def delivery_rows(lake: Lake, deliveries: Sequence[str], spec: TableSpec = EXAMPLES) -> dict[str, int]:
    """Rows of each delivery in a table that is partitioned by it, by the log alone."""
    counts = dict.fromkeys(deliveries, 0)
    for part in lake.parts(spec, where={"delivery": list(deliveries)}):
        counts[str(part.partition["delivery"])] += part.rows
    return counts


def has_subject(lake: Lake, audit: Audit, deliveries: Sequence[str]) -> bool:
    """Whether these deliveries have what the audit measures nothing without."""
    return all(any(delivery_rows(lake, deliveries, TABLES[name]).values()) for name in audit.needs)


def is_little(lake: Lake, links: Links, deliveries: Sequence[str], *, below: int) -> bool:
    """Whether what an audit is about has fewer rows than that in these deliveries. What is made of examples stands
    there once for each state of the rules that it was made by."""
    rows: Counter[str] = Counter()
    for part in lake.parts(TABLES[links.subject], where={"delivery": list(deliveries)}):
        rows[str(part.partition.get("rules"))] += part.rows
    return max(rows.values(), default=0) < below


def _table(
    spark: SparkSession, lake: Lake, name: str, columns: Sequence[str], deliveries: Sequence[str], encoder: str
) -> DataFrame:
    if name == ARRIVALS:
        arrivals = [pa.array(deliveries, pa.string()), pa.array(range(len(deliveries)), pa.int32())]
        return spark.createDataFrame(pa.table(arrivals, names=["delivery", "arrival"]))
    if name == IMAGES.name:
        # Images belong to no delivery; an audit joins those that it is about.
        return _one_each(read_frame(spark, lake, IMAGES, columns=columns), IMAGES)
    if name == EMBEDDINGS.name:
        return _one_each(read_frame(spark, lake, EMBEDDINGS, where={"encoder": encoder}, columns=columns), EMBEDDINGS)
    return corpus_table(spark, lake, TABLES[name], columns, deliveries)


def _keys(
    spark: SparkSession, lake: Lake, keys: StoredKeys, settings: Any, columns: Sequence[str], deliveries: Sequence[str]
) -> DataFrame:
    def delivered(delivery: str) -> DataFrame:
        return corpus_table(spark, lake, keys.made_from, keys.columns, [delivery])

    rules = keys.rules(settings, RULES)
    fill = partial(fill_keys, lake, keys, settings, deliveries, delivered)
    return _made(spark, lake, keys.spec, columns, deliveries, rules=rules, fill=fill)


def _made(
    spark: SparkSession,
    lake: Lake,
    spec: TableSpec,
    columns: Sequence[str],
    deliveries: Sequence[str],
    *,
    rules: str,
    fill: Callable[[], object],
) -> DataFrame:
    """The deliveries' rows by these rules; `fill` makes those that are missing. What was retired between both (by
    made_retention.py) is made anew: a delivery without its rows would be one that is like no other."""
    names = {f"{delivery}/{rules}" for delivery in deliveries}
    while True:
        fill()
        rows = read_frame(spark, lake, spec, where={"delivery": list(deliveries), "rules": rules}, columns=columns)
        if names <= lake.committed_of(spec, names):
            return rows


def _one_each(frame: DataFrame, spec: TableSpec) -> DataFrame:
    """The rows, one of each content: two writers may both have stored it."""
    keys = [name for name in (*spec.partition_by, spec.key) if name in frame.columns]
    return frame.dropDuplicates(keys) if spec.key in keys else frame
