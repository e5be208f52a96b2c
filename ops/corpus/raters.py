"""Who rates how well: agreements of raters over the whole corpus."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.reliability import Agreement, fit_reliability, log_odds

# Raters of one subject that are compared with each other; a subject that a crowd judged would make a pair of each two.
_MOST_RATERS = 32


def reliability_of(judged: DataFrame, *, fit_judgements: int) -> dict[str, float]:
    """Reliability of each rater of `sided` judgements who judged what another judged too; empty where no annotator is
    named. About `fit_judgements` judgements are looked at, those of whole contexts, chosen by their hash."""
    if judged.where("is_named").isEmpty():
        return {}
    every = max(1, judged.count() // max(1, fit_judgements))
    sample = judged.where((F.pmod("context", F.lit(every)) == 0) & (F.col("low") != F.col("high")))
    counted = agreements(sample).collect()
    return fit_reliability(Agreement(row["one"], row["other"], row["together"], row["agreed"]) for row in counted)


def agreements(judged: DataFrame) -> DataFrame:
    """For each two raters (`one` < `other`) how many subjects they judged `together` and on how many they `agreed`."""
    votes = F.slice(F.array_sort(F.collect_set(F.struct("rater", "side"))), 1, _MOST_RATERS)
    packed = judged.groupBy("context", "low_hash", "high_hash").agg(votes.alias("votes")).where(F.size("votes") > 1)
    later = F.transform(
        "votes",
        lambda vote, n: F.transform(
            F.filter("votes", lambda other, m: (m > n) & (other["rater"] != vote["rater"])),
            lambda other: F.struct(
                vote["rater"].alias("one"), other["rater"].alias("other"), (vote["side"] == other["side"]).alias("same")
            ),
        ),
    )
    pairs = packed.select(F.explode(F.flatten(later)).alias("pair")).select("pair.*")
    return pairs.groupBy("one", "other").agg(F.count("*").alias("together"), F.count_if("same").alias("agreed"))


def rater_table(spark: SparkSession, reliability: Mapping[str, float]) -> DataFrame:
    """`rater`, `reliability`, and the `weight` of a vote: the log-odds that it is right."""
    rows = [(name, value, log_odds(value)) for name, value in reliability.items()]
    return spark.createDataFrame(rows, "rater string, reliability double, weight double")
