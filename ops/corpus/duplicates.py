"""Examples that say and show the same, and the one of each group that is kept."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.links import Links, key_of, keyed
from ops.corpus.tables import CorpusTables


def _links(tables: CorpusTables, settings: None) -> dict[str, DataFrame]:
    return {"dialogues": keyed(tables["dialogues"], key_of("dialogue", "kind", "dialogue_key"))}


LINKS = Links("dialogues", _links)


def duplicates(dialogues: DataFrame, preferences: DataFrame, arrivals: DataFrame) -> DataFrame:
    """Each redundant example with the member of its group that stays.

    The one that stays is of the drop that came first (`arrivals`: delivery, arrival); of those of one drop it needed
    the fewest repairs; among those it has the smallest example id. So a new drop loses rows and takes none, and a drop
    delivered again keeps the same one.
    """
    judges = preferences.groupBy("delivery", "example_id").agg(
        # The same comparison by two people is two votes, not a duplicate.
        F.array_join(F.sort_array(F.collect_set("annotator")), "\x00").alias("judges")
    )
    keyed = dialogues.join(judges, ["delivery", "example_id"], "left").join(F.broadcast(arrivals), "delivery")
    group = Window.partitionBy("kind", "dialogue_key", F.coalesce("judges", F.lit("")))
    ranked = keyed.select(
        "delivery",
        "example_id",
        "dialogue_key",
        F.min(F.struct("arrival", "repairs", "example_id", "delivery")).over(group).alias("kept"),
        F.count("*").over(group).alias("copies"),
    )
    redundant = (F.col("delivery") != F.col("kept.delivery")) | (F.col("example_id") != F.col("kept.example_id"))
    return ranked.where(redundant).select(
        "delivery",
        "example_id",
        F.col("kept.delivery").alias("other_delivery"),
        F.col("kept.example_id").alias("other_id"),
        F.col("dialogue_key").alias("group_id"),
        "copies",
        (F.col("delivery") == F.col("kept.delivery")).alias("same_delivery"),
    )
