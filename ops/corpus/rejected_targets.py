"""SFT answers that preference data calls bad."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.links import Links, key_of, keyed
from ops.corpus.tables import CorpusTables

_SAME = ["image_key", "query_key", "response_key"]


def _links(tables: CorpusTables, settings: None) -> dict[str, DataFrame]:
    return {name: keyed(tables[name], key_of("answer", *_SAME)) for name in ("turns", "preferences")}


LINKS = Links("turns", _links)


def rejected_as_target(turns: DataFrame, preferences: DataFrame) -> DataFrame:
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
    return turns.join(verdicts, _SAME).select(
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
