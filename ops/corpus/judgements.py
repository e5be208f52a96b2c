"""Judgements as votes: what each is about, which side it takes, and who is behind it.

A judgement speaks about a *subject*: a response on its own (good or bad), or an unordered pair of responses (which of
them is better), always for given images and a given query. It takes one of two sides. A subject that is judged both
ways is contested. Grouping goes by 64-bit hashes of the keys first, which is what makes 10^7 judgements cheap; the few
subjects that pass are grouped again by the keys themselves, so that no collision of hashes is ever reported.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.canonical import image_key, query_key

KEYS = ["delivery", "example_id", "judgement_id"]
CONTEXT = ["image_key", "query_key"]
SUBJECT = [*CONTEXT, "low", "high"]
HASHED = ["context", "low_hash", "high_hash"]
_ALONE = ""


def sided(preferences: DataFrame) -> DataFrame:
    """Each judgement with its subject (`low`, `high`: the response keys in order, `high` empty for a response on its
    own), the hashes of it, whether it is a comparison (`is_pair`), and its `side`: true where it calls the response
    good or `low` the better one.

    "Chosen" and "rejected" without an opponent count as good and bad. A judgement without images and without a query
    says of what it judges nothing that another could contradict, and is left out.
    """
    favours = F.col("label").isin("good", "chosen")
    is_pair = F.col("opponent_key").isNotNull() & F.col("label").isin("chosen", "rejected")
    is_low = F.col("response_key") <= F.col("opponent_key")
    nothing = (F.col("image_key") == image_key([])) & (F.col("query_key") == query_key(""))
    rows = preferences.where(F.col("label").isNotNull() & ~nothing).select(
        *KEYS,
        "annotator",
        "dataset",
        *CONTEXT,
        is_pair.alias("is_pair"),
        F.when(is_pair, F.least("response_key", "opponent_key")).otherwise(F.col("response_key")).alias("low"),
        F.when(is_pair, F.greatest("response_key", "opponent_key")).otherwise(_ALONE).alias("high"),
        F.when(is_pair, favours == is_low).otherwise(favours).alias("side"),
    )
    return rows.select("*", F.xxhash64(*CONTEXT).alias("context"), *_hashes())


def _hashes() -> tuple[Column, Column]:
    alone = F.col("high") == _ALONE
    return (
        F.xxhash64("low").alias("low_hash"),
        F.when(alone, 0).otherwise(F.xxhash64("high")).cast("long").alias("high_hash"),
    )


def subjects(judged: DataFrame) -> DataFrame:
    """One row for each subject of `sided`, by hash: `context`, `low_hash`, `high_hash`, and whether any judgement says
    yes (`is_yes`) or no (`is_no`). Pairs of identical responses are left out.

    The rows of one context lie in one partition, so that what comes after shuffles nothing again.
    """
    by_context = judged.where("low != high").select(*HASHED, "side").repartition("context")
    return (
        by_context.groupBy(*HASHED)
        .agg(F.max("side").alias("is_yes"), F.min("side").alias("is_all_yes"))
        .select(*HASHED, "is_yes", (~F.col("is_all_yes")).alias("is_no"))
    )


def with_voters(judged: DataFrame, examples: DataFrame) -> DataFrame:
    """The judgements with who is behind each: the annotator, or else the raw row, whatever drop it came in. So copies
    of a row, and a drop delivered twice, count once."""
    row = F.concat_ws("|", F.lit("row"), "content_id", "source_id").alias("row")
    rows = examples.select("delivery", "example_id", row)
    known = judged.join(rows, ["delivery", "example_id"], "left")
    named = F.when(named_annotator().isNotNull(), F.concat_ws("|", F.lit("annotator"), "annotator"))
    return known.withColumn("voter", F.coalesce(named, "row", "example_id")).drop("row")


def named_annotator() -> Column:
    """The annotator, null where none is named."""
    return F.when(F.trim("annotator") != "", F.col("annotator"))


def votes_of(judged: DataFrame) -> DataFrame:
    """One row for each subject of rows with voters, by its keys: how many voters say `yes` and `no`, and
    whether its context `may_cycle`."""
    return judged.groupBy(*SUBJECT).agg(
        F.count_distinct(F.when(F.col("side"), F.col("voter"))).alias("yes"),
        F.count_distinct(F.when(~F.col("side"), F.col("voter"))).alias("no"),
        F.bool_or("may_cycle").alias("may_cycle"),
    )


def group_id(keys: list[str]) -> Column:
    """Name of a group of judgements, the same wherever it is found."""
    return F.md5(F.concat_ws("|", *keys))
