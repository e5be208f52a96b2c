"""Which rows hang together through pairs: connected components, found by workers."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

FEW = 200_000
"""Pairs up to which all are one group: some 30 MB, less than it costs to tell components apart."""


def with_components(pairs: DataFrame, end: str, other_end: str) -> DataFrame:
    """The pairs, which the caller has computed, with `component` (long), equal where two of them hang together through
    their columns `one` and `other` (long); one for all where there are few.

    The least name of a component spreads from neighbour to neighbour, so that it takes as many rounds as the longest
    way from it is long."""
    if pairs.count() <= FEW:
        return pairs.withColumn("component", F.lit(0).cast("long"))
    edges = pairs.select(F.col(end).alias("node"), F.col(other_end).alias("next"))
    edges = edges.unionByName(edges.select(F.col("next").alias("node"), F.col("node").alias("next"))).distinct()
    edges = edges.localCheckpoint()
    labels = edges.groupBy("node").agg(F.min("next").alias("least"))
    labels = labels.select("node", F.least("node", "least").alias("label")).localCheckpoint()
    while True:
        reached = edges.join(labels.withColumnRenamed("node", "next"), "next").groupBy("node")
        nearest = reached.agg(F.min("label").alias("near")).join(labels, "node")
        after = nearest.select("node", F.least("near", "label").alias("after"), "label").localCheckpoint()
        labels = after.select("node", F.col("after").alias("label"))
        if after.where("after != label").isEmpty():
            return pairs.join(labels.withColumnsRenamed({"node": end, "label": "component"}), end)
