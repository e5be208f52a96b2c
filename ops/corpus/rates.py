"""How much of what was judged contradicts itself: rates by kind, dataset and delivery, with intervals."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.core.accuracy import QUANTILE
from ops.corpus.contradictions import FLAGS


def contradiction_rates(measures: DataFrame, preferences: DataFrame) -> DataFrame:
    """For each delivery, dataset and kind (a flag of the audit, or `any`): how many judgements there are (`judged`),
    how many are of that kind (`found`), the `share`, and its 95 % Wilson interval (`low`, `high`). The interval takes
    judgements as independent; those of one group are not, so that it is rather too narrow."""
    place = ["delivery", "dataset"]
    judged = preferences.groupBy(*place).agg(F.count("*").alias("judged"))
    rows = preferences.select(*place, "example_id", "judgement_id").join(
        measures.drop("example_id"), ["delivery", "judgement_id"]
    )
    flags = F.array(
        *(F.struct(F.lit(name).alias("kind"), F.col(name).alias("is_so")) for name in FLAGS),
        F.struct(F.lit("any").alias("kind"), F.lit(True).alias("is_so")),
    )
    kinds = rows.select(*place, F.inline(flags)).groupBy(*place, "kind").agg(F.count_if("is_so").alias("found"))
    every = judged.crossJoin(judged.sparkSession.range(1).select(F.explode(F.array(*map(F.lit, (*FLAGS, "any"))))))
    every = every.withColumnRenamed("col", "kind")
    same = [F.equal_null(every[name], kinds[name]) for name in (*place, "kind")]
    counted = every.join(kinds, same[0] & same[1] & same[2], "left").select(
        every["delivery"], every["dataset"], every["kind"], "judged", F.coalesce("found", F.lit(0)).alias("found")
    )
    low, high = _wilson(F.col("found"), F.col("judged"))
    share = F.round(F.col("found") / F.col("judged"), 9).alias("share")
    return counted.select("*", share, low.alias("low"), high.alias("high"))


def _wilson(contradicted: Column, judged: Column) -> tuple[Column, Column]:
    """Wilson's (1927) interval of a share."""
    share = contradicted / judged
    middle = (share + QUANTILE**2 / (2 * judged)) / (1 + QUANTILE**2 / judged)
    half = (
        QUANTILE
        * F.sqrt(share * (1 - share) / judged + QUANTILE**2 / (4 * judged * judged))
        / (1 + QUANTILE**2 / judged)
    )
    return F.round(F.greatest(middle - half, F.lit(0.0)), 9), F.round(F.least(middle + half, F.lit(1.0)), 9)
