"""How much of the corpus is text, and how much of it has images."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

_KEY = ["delivery", "example_id"]
_SUMS = ("turns", "loss_tokens", "images", "image_tokens")


def modality_statistics(examples: DataFrame, modality: DataFrame, necessity: DataFrame) -> DataFrame:
    """Examples, turns, loss tokens, images and image tokens by delivery, dataset, kind and modality.

    `modality` and `necessity` are the measures of the audits of modality and of visual necessity. An example with an
    image is `visual`, or `blind` where every answer that could be judged is known without looking; the effective share
    of visual examples counts these as text.
    """
    blind = necessity.where(F.col("blind_share") >= 1).select(*_KEY, F.lit(True).alias("blind")).distinct()
    counted = examples.select(*_KEY, "dataset", "kind").join(modality.select(*_KEY, "modality", *_SUMS), _KEY)
    judged_modality = F.when((F.col("modality") == "visual") & F.col("blind"), "blind").otherwise(F.col("modality"))
    named = counted.join(blind, _KEY, "left").withColumn("modality", judged_modality)
    sums = (F.sum(name).cast("long").alias(name) for name in _SUMS)
    return named.groupBy("delivery", "dataset", "kind", "modality").agg(F.count("*").alias("examples"), *sums)
