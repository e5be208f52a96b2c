"""Who rates how well: agreements of raters over the whole corpus."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import column_of, numpy_values
from ops.corpus.groups import group_starts, whole_groups
from ops.corpus.reliability import Agreement, fit_reliability, log_odds

# Raters of one subject that are compared with each other; a subject that a crowd judged would make a pair of each two.
_MOST_RATERS = 32
_SUBJECT = ["context", "low_hash", "high_hash"]
_RATERS = pa.schema([("rater", pa.string()), ("reliability", pa.float64()), ("weight", pa.float64())])
_AGREEMENTS = pa.schema([(name, pa.int64()) for name in ("rater", "other", "together", "agreed")])


def reliability_of(judged: DataFrame, *, fit_judgements: int) -> dict[str, float]:
    """Reliability of each rater of `sided` judgements who judged what another judged too; empty where no annotator is
    named. About `fit_judgements` judgements are looked at, those of whole contexts, chosen by their hash."""
    if judged.where("is_named").isEmpty():
        return {}
    every = max(1, judged.count() // max(1, fit_judgements))
    sample = judged.where((F.pmod("context", F.lit(every)) == 0) & ~F.col("is_identical"))
    names = {
        row["code"]: row["rater"]
        for row in sample.select(F.xxhash64("rater").alias("code"), "rater").distinct().collect()
    }
    return fit_reliability(
        Agreement(names[row["rater"]], names[row["other"]], row["together"], row["agreed"])
        for row in agreements(sample).collect()
    )


def agreements(judged: DataFrame) -> DataFrame:
    """For each two raters (`one` < `other`, hashes of their names) how many subjects they judged `together` and on how
    many they `agreed`."""
    votes = judged.select(*_SUBJECT, F.xxhash64("rater").alias("code"), "side").repartition("context").dropDuplicates()

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(agreements_in, whole_groups(batches, _SUBJECT))

    ordered = votes.sortWithinPartitions(*_SUBJECT, "code", "side")
    counted = ordered.mapInArrow(count, from_arrow_schema(_AGREEMENTS))
    return counted.groupBy("rater", "other").agg(F.sum("together").alias("together"), F.sum("agreed").alias("agreed"))


def agreements_in(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The agreements in a batch of votes (`_SUBJECT`, `code`, `side`), sorted by these, of whole subjects."""
    starts = group_starts(batch, _SUBJECT)
    subject = np.cumsum(starts) - 1
    # Of a crowd the first few are heard.
    heard = np.arange(len(subject)) - np.flatnonzero(starts)[subject] < _MOST_RATERS
    subject, rater, side = (
        subject[heard],
        batch.column("code").to_numpy()[heard],
        numpy_values(column_of(batch, "side"))[heard],
    )
    parts = [(rater[:0], rater[:0], side[:0])]
    for step in range(1, int(np.bincount(subject, minlength=1).max(initial=0))):
        two = (subject[step:] == subject[:-step]) & (rater[step:] != rater[:-step])
        parts.append((rater[:-step][two], rater[step:][two], (side[step:] == side[:-step])[two]))
    raters, others, same = (np.concatenate(part) for part in zip(*parts, strict=True))
    pairs = pa.table([pa.array(raters), pa.array(others), pa.array(same.astype(np.int64))], ["rater", "other", "same"])
    counted = pairs.group_by(["rater", "other"]).aggregate([("same", "count"), ("same", "sum")])
    columns = [counted[name].to_numpy() for name in ("rater", "other", "same_count", "same_sum")]
    return pa.record_batch([pa.array(column) for column in columns], schema=_AGREEMENTS)


def rater_table(spark: SparkSession, reliability: Mapping[str, float]) -> DataFrame:
    """`rater`, `reliability`, and the `weight` of a vote: the log-odds that it is right."""
    rows = [(name, value, log_odds(value)) for name, value in reliability.items()]
    return spark.createDataFrame(rows, from_arrow_schema(_RATERS))
