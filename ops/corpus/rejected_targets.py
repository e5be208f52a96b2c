"""SFT answers that preference data calls bad."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.turns import sft_turns

_SAME = ["image_key", "query_key", "response_key"]


def rejected_as_target(examples: DataFrame, preferences: DataFrame) -> DataFrame:
    """Each SFT turn whose answer was rejected for the same images and query, with one judgement as evidence."""
    judged = preferences.withColumns(
        {
            "against": F.col("label").isin("bad", "rejected"),
            "source": F.struct("judgement_id", "delivery", "example_id"),
        }
    )
    verdicts = (
        judged.groupBy(*_SAME)
        .agg(
            F.count_if("against").alias("rejections"),
            F.count_if(~F.col("against")).alias("acceptances"),
            F.min(F.when(F.col("against"), F.col("source"))).alias("by"),
            F.min(F.when(~F.col("against"), F.col("source"))).alias("accepted_by"),
        )
        .where("rejections > 0")
    )
    return (
        sft_turns(examples)
        .join(verdicts, _SAME)
        .select(
            "delivery",
            "example_id",
            "turn",
            F.col("by.judgement_id").alias("judgement_id"),
            F.col("by.delivery").alias("judgement_delivery"),
            F.col("by.example_id").alias("judgement_example_id"),
            "rejections",
            "acceptances",
            (F.col("acceptances") > 0).alias("is_disputed"),
            F.col("accepted_by.judgement_id").alias("accepted_judgement_id"),
            "response",
        )
    )
