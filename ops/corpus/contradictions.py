"""Judgements that contradict each other: the plan, over the whole corpus at once.

A judgement speaks about a *subject*: a response on its own (good or bad), or an unordered pair of responses (which of
them is better), always for given images and a given query. It takes one of two sides. A subject that is judged both
ways is contested. Grouping goes by a 64-bit hash of the keys first, which is what makes 10^7 judgements cheap; the few
subjects that pass are grouped again by the keys themselves, so that no collision of hashes is ever reported.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

SUBJECT = ["image_key", "query_key", "low", "high"]
_KEYS = ["delivery", "example_id", "judgement_id"]
_NO_OPPONENT = ""


def sided(preferences: DataFrame) -> DataFrame:
    """Each judgement with its subject (`low`, `high`: the response keys in order, `high` empty for a response on its
    own), whether it is a comparison, and its `side`: true where it calls the response good or `low` the better one.

    "Chosen" and "rejected" without an opponent count as good and bad.
    """
    favours = F.col("label").isin("good", "chosen")
    is_pair = F.col("opponent_key").isNotNull() & F.col("label").isin("chosen", "rejected")
    is_low = F.col("response_key") <= F.col("opponent_key")
    return preferences.where("label IS NOT NULL").select(
        *_KEYS,
        "annotator",
        "image_key",
        "query_key",
        is_pair.alias("is_pair"),
        F.when(is_pair, F.least("response_key", "opponent_key")).otherwise(F.col("response_key")).alias("low"),
        F.when(is_pair, F.greatest("response_key", "opponent_key")).otherwise(_NO_OPPONENT).alias("high"),
        F.when(is_pair, favours == is_low).otherwise(favours).alias("side"),
    )


def contested_judgements(judged: DataFrame) -> DataFrame:
    """The rows of `sided` whose subject is judged both ways; pairs of identical responses are left out."""
    hashed = judged.where("low != high").withColumn("subject", F.xxhash64(*SUBJECT))
    suspects = hashed.groupBy("subject").agg(F.min("side").alias("least"), F.max("side").alias("most"))
    return hashed.join(suspects.where("least != most").select("subject"), "subject").drop("subject")


def voters(judgements: DataFrame, examples: DataFrame) -> DataFrame:
    """The judgements with who is behind each: the annotator, or else the raw row, whatever drop it came in. So copies
    of a row, and a drop delivered twice, count once."""
    rows = examples.select(
        "delivery", "example_id", F.concat_ws("|", F.lit("row"), "content_id", "source_id").alias("row")
    )
    named = F.when(F.col("annotator") != "", F.concat_ws("|", F.lit("annotator"), "annotator"))
    known = judgements.join(rows, ["delivery", "example_id"], "left")
    return known.withColumn("voter", F.coalesce(named, "row", "example_id")).drop("row")


def tallied(judgements: DataFrame) -> DataFrame:
    """The contested judgements with the votes for and against each and what follows from them."""
    votes = judgements.groupBy(*SUBJECT).agg(
        F.count_distinct(F.when(F.col("side"), F.col("voter"))).alias("yes"),
        F.count_distinct(F.when(~F.col("side"), F.col("voter"))).alias("no"),
    )
    # Exact again after the hash: a subject with votes on one side only was let through by a collision.
    both = votes.where("yes > 0 AND no > 0")
    rows = judgements.join(both, SUBJECT)
    return rows.select(
        *rows.columns,
        F.when(F.col("side"), F.col("yes")).otherwise(F.col("no")).alias("votes_for"),
        F.when(F.col("side"), F.col("no")).otherwise(F.col("yes")).alias("votes_against"),
        (F.greatest("yes", "no") / (F.col("yes") + F.col("no"))).alias("majority_share"),
    )


def direct_contradictions(preferences: DataFrame, examples: DataFrame, *, clear_majority: float) -> DataFrame:
    """One row for each judgement that contradicts another, or that compares a response with itself."""
    judged = sided(preferences)
    contested = tallied(voters(contested_judgements(judged), examples))
    both_ways = contested.select(
        *_KEYS,
        (~F.col("is_pair")).alias("is_good_and_bad"),
        F.col("is_pair").alias("is_flip"),
        F.lit(False).alias("is_identical"),
        group_id(SUBJECT),
        "votes_for",
        "votes_against",
        "majority_share",
        *_resolved(clear_majority),
    )
    nothing = {"votes_for": "long", "votes_against": "long", "majority_share": "double", "resolution": "string"}
    nothing |= {"side": "string", "soft_label": "double"}
    identical = judged.where("low = high").select(
        *_KEYS,
        F.lit(False).alias("is_good_and_bad"),
        F.lit(False).alias("is_flip"),
        F.lit(True).alias("is_identical"),
        group_id(SUBJECT),
        *(F.lit(None).cast(kind).alias(name) for name, kind in nothing.items()),
    )
    return both_ways.unionByName(identical)


def group_id(keys: list[str]) -> Column:
    """Name of a group of judgements, the same wherever it is found."""
    return F.md5(F.concat_ws("|", *keys)).alias("group_id")


def _resolved(clear_majority: float) -> tuple[Column, Column, Column]:
    tie = F.col("votes_for") == F.col("votes_against")
    clear = F.col("majority_share") >= clear_majority
    wins = F.col("votes_for") > F.col("votes_against")
    resolution = F.when(tie, "tie").when(clear, "majority").otherwise("abstain")
    side = F.when(tie | ~clear, "undecided").when(wins, "upheld").otherwise("overruled")
    share = F.col("votes_for") / (F.col("votes_for") + F.col("votes_against"))
    return resolution.alias("resolution"), side.alias("side"), share.alias("soft_label")
