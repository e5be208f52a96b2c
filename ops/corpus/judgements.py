"""Judgements as votes: what each is about, which side it takes, and who is behind it.

A judgement speaks about a *subject*: a response on its own (good or bad), or an unordered pair of responses (which of
them is better), always for given images and a given query. It takes one of two sides. A subject that is judged both
ways is contested. Grouping goes by 64-bit hashes of the keys first, which is what makes 10^7 judgements cheap; the few
subjects that pass are grouped again by the keys themselves, so that no collision of hashes is ever reported.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.canonical import image_key, query_key
from ops.corpus.raters import rater_table
from ops.reliability import EXPECTED, log_odds

KEYS = ["delivery", "example_id", "judgement_id"]
CONTEXT = ["image_key", "query_key"]
SUBJECT = [*CONTEXT, "low", "high"]
HASHED = ["context", "low_hash", "high_hash"]
_ALONE = ""


def sided(preferences: DataFrame) -> DataFrame:
    """Each judgement with its subject (`low`, `high`: the response keys in order, `high` empty for a response on its
    own), the hashes of it, whether it is a comparison (`is_pair`), and its `side`: true where it calls the response
    good or `low` the better one. `rater` is the
    annotator, or the dataset where none is named.

    "Chosen" and "rejected" without an opponent count as good and bad. A judgement without images and without a query
    says of what it judges nothing that another could contradict, and is left out.
    """
    favours = F.col("label").isin("good", "chosen")
    is_pair = F.col("opponent_key").isNotNull() & F.col("label").isin("chosen", "rejected")
    is_low = F.col("response_key") <= F.col("opponent_key")
    named = F.when(F.trim("annotator") != "", F.col("annotator"))
    nothing = (F.col("image_key") == image_key([])) & (F.col("query_key") == query_key(""))
    rows = preferences.where(F.col("label").isNotNull() & ~nothing).select(
        *KEYS,
        named.isNotNull().alias("is_named"),
        F.coalesce(F.concat(F.lit("annotator|"), named), F.concat_ws("|", F.lit("source"), "dataset")).alias("rater"),
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
    known = judged.join(examples.select("delivery", "example_id", row), ["delivery", "example_id"], "left")
    voter = F.when(F.col("is_named"), F.col("rater")).otherwise(F.coalesce("row", "example_id"))
    return known.withColumn("voter", voter).drop("row")


def votes_of(judged: DataFrame, reliability: Mapping[str, float]) -> DataFrame:
    """One row for each subject of rows with voters, by its keys: how many voters say `yes` and `no`; whether any of
    them is named and their context `may_cycle`; the `log_odds` of yes; and the best reliability of either side."""
    known = rater_table(judged.sparkSession, reliability)
    votes = judged.groupBy(*SUBJECT, "voter", "side").agg(
        F.max("rater").alias("rater"), F.max("is_named").alias("is_named"), F.max("may_cycle").alias("may_cycle")
    )
    weighed = votes.join(F.broadcast(known), "rater", "left").withColumns(
        {
            "reliability": F.coalesce("reliability", F.lit(EXPECTED)),
            "weight": F.coalesce("weight", F.lit(log_odds(EXPECTED))),
        }
    )
    return weighed.groupBy(*SUBJECT).agg(
        F.count_if("side").alias("yes"),
        F.count_if(~F.col("side")).alias("no"),
        F.bool_or("is_named").alias("has_names"),
        F.bool_or("may_cycle").alias("may_cycle"),
        # Rounded, for the order in which Spark adds is not fixed.
        F.round(F.sum(F.when(F.col("side"), F.col("weight")).otherwise(-F.col("weight"))), 9).alias("log_odds"),
        F.max(F.when(F.col("side"), F.col("reliability"))).alias("best_yes"),
        F.max(F.when(~F.col("side"), F.col("reliability"))).alias("best_no"),
    )


def group_id(keys: list[str]) -> Column:
    """Name of a group of judgements, the same wherever it is found."""
    return F.md5(F.concat_ws("|", *keys))
