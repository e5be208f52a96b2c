"""Modality statistics."""

from pyspark.sql import SparkSession

from ops.corpus.modality import modality_statistics
from tests.ops.corpus.corpus import Judged, Said, frames


def test_counts_by_delivery_dataset_kind_and_modality(spark: SparkSession) -> None:
    rows = [
        Said((("What?", "A dog, it's big."), ("Why?", "猫です")), dataset="vqa"),
        Said((("What?", "snake_case 3.5"),), dataset="vqa"),
        Said((("2 + 2?", "4"),), image=None),
        Judged("yes it is", "no", dataset="vqa", drop="two"),
    ]
    found = {tuple(row) for row in modality_statistics(frames(spark, rows)["examples"]).collect()}
    # "A dog , it ' s big ." is 8 tokens, 猫です 3, "snake_case 3 . 5" 4.
    assert found == {
        ("one-0", "vqa", "sft", "visual", 2, 3, 15, 2),
        ("one-0", None, "sft", "text", 1, 1, 1, 0),
        ("two-0", "vqa", "preference", "visual", 1, 2, 4, 1),
    }
