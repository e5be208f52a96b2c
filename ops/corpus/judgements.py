"""Judgements as votes: what each is about, which side it takes, and who is behind it.

A judgement speaks about a *subject*: a response on its own (good or bad), or an unordered pair of responses (which of
them is better), always for given images and a given query. It takes one of two sides. A subject that is judged both
ways is contested. Grouping goes by 64-bit hashes of the keys first, which is what makes 10^7 judgements cheap. The few
contexts that pass are grouped again with a second hash of images and query, so that two contexts are taken for one only
where 128 bits agree, which is as good as the keys themselves.
"""

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.core.canonical import image_key, query_key
from ops.corpus.glad import HARD
from ops.corpus.raters import ALONE, PAIRS, Reliability, rater_table, source_table
from ops.corpus.reliability import EXPECTED, log_odds

KEYS = ["delivery", "example_id", "judgement_id"]
CONTEXT = ["image_key", "query_key"]
HASHED = ["context", "low_hash", "high_hash"]
CHECKED = ["context", "context_check", "low_hash", "high_hash"]
#: What `votes_of` says of a subject.
VOTES = (
    ("yes", pa.int64()),
    ("no", pa.int64()),
    ("has_names", pa.bool_()),
    *((name, pa.float64()) for name in ("log_odds", "best_yes", "best_no")),
)
_ALONE = 0


def rating_side(rating: Column, scale: Column) -> Column:
    """Below (-1), on (0) or above (1) the middle of a scale that starts at 1 (3 of 1 to 5, 5.5 of 1 to 10); null where
    either is not known."""
    return F.when(scale > 1, F.signum(rating - (scale + 1) / 2))


def label_side() -> Column:
    """What the label alone says of a response: good (1) or bad (-1); null for others."""
    return F.when(F.col("label") == "good", 1.0).when(F.col("label") == "bad", -1.0)


def sided(preferences: DataFrame, *also: str) -> DataFrame:
    """Each judgement with its subject as hashes: its `context` (images and query; `context_check` is a second hash of
    them) and its responses in order, `low_hash` and `high_hash`, the latter 0 for a response on its own. `side` is true
    where it calls the response good or `low` the better one. `is_identical` says that the two responses have one key.
    `rater` is the annotator, or the dataset where none is named; `source` is the dataset and whether it is about pairs.

    "Chosen" and "rejected" without an opponent count as good and bad. A judgement without images and without a query
    says of what it judges nothing that another could contradict, and is left out. `also` names columns to keep.
    """
    favours = F.col("label").isin("good", "chosen")
    is_pair = F.col("opponent_key").isNotNull() & F.col("label").isin("chosen", "rejected")
    named = F.when(F.trim("annotator") != "", F.col("annotator"))
    nothing = (F.col("image_key") == image_key([])) & (F.col("query_key") == query_key(""))
    hashed = preferences.where(F.col("label").isNotNull() & ~nothing).select(
        *KEYS,
        *also,
        named.isNotNull().alias("is_named"),
        F.coalesce(F.concat(F.lit("annotator|"), named), F.concat_ws("|", F.lit("source"), "dataset")).alias("rater"),
        F.concat_ws("|", F.when(is_pair, PAIRS).otherwise(ALONE), "dataset").alias("source"),
        F.xxhash64(*CONTEXT).alias("context"),
        F.xxhash64(*reversed(CONTEXT)).alias("context_check"),
        F.coalesce(is_pair & (F.col("response_key") == F.col("opponent_key")), F.lit(False)).alias("is_identical"),
        favours.alias("favours"),
        F.xxhash64("response_key").alias("said"),
        F.when(is_pair, F.xxhash64("opponent_key")).alias("against"),
    )
    return hashed.select(
        *(name for name in hashed.columns if name not in ("favours", "said", "against")),
        F.least("said", "against").alias("low_hash"),
        F.when(F.col("against").isNull(), _ALONE)
        .otherwise(F.greatest("said", "against"))
        .cast("long")
        .alias("high_hash"),
        # Of two responses that are the same, "low" is the one spoken of.
        F.coalesce(F.col("favours") == (F.col("said") <= F.col("against")), "favours").alias("side"),
    )


def subjects(judged: DataFrame) -> DataFrame:
    """One row for each subject of `sided`, by hash: `context`, `low_hash`, `high_hash`, and whether any judgement says
    yes (`is_yes`) or no (`is_no`). Pairs of identical responses are left out.

    The rows of one context lie in one partition, so that what comes after shuffles nothing again.
    """
    by_context = judged.where("NOT is_identical").select(*HASHED, "side").repartition("context")
    return (
        by_context.groupBy(*HASHED)
        .agg(F.max("side").alias("is_yes"), F.min("side").alias("is_all_yes"))
        .select(*HASHED, "is_yes", (~F.col("is_all_yes")).alias("is_no"))
    )


def with_voters(judged: DataFrame, examples: DataFrame | None) -> DataFrame:
    """The judgements with the `voter` (a hash) behind each: the annotator, or else the raw row, whatever drop it came
    in. So copies of a row, and a drop delivered twice, count once. Without `examples` all must be named."""
    if examples is None:
        return judged.withColumn("voter", F.xxhash64("rater"))
    row = F.xxhash64(F.lit("row"), "content_id", "source_id").alias("row")
    known = judged.join(examples.select("delivery", "example_id", row), ["delivery", "example_id"], "left")
    voter = F.when(F.col("is_named"), F.xxhash64("rater")).otherwise(F.coalesce("row", F.xxhash64("example_id")))
    return known.withColumn("voter", voter).drop("row")


def with_reliability(judged: DataFrame, reliability: Reliability) -> DataFrame:
    """The judgements with the `annotator_model` of their source, its `prior` log-odds of yes and `hard_odds` of a hard
    subject, the `reliability` of their rater, all null where nothing is known, and the `weight` of the vote, whichever
    side it takes, with its `doubt` whether the subject is an easy one (null but under `glad`)."""
    spark = judged.sparkSession
    known = judged.join(F.broadcast(source_table(spark, reliability)), "source", "left")
    own = {name: f"own_{name}" for name in ("weight_yes", "weight_no", "doubt")}
    raters = rater_table(spark, reliability).withColumnsRenamed(own)
    joined = known.join(F.broadcast(raters), ["source", "rater"], "left")
    yes, no, doubt = (F.coalesce(by_rater, by_source) for by_source, by_rater in own.items())
    weight = F.coalesce(F.when(F.col("side"), yes).otherwise(no), F.lit(log_odds(EXPECTED)))
    weighed = joined.withColumns({"weight": weight, "doubt": doubt})
    return weighed.drop(*own.values(), "weight_yes", "weight_no")


def votes_of(judged: DataFrame) -> DataFrame:
    """One row for each subject of rows with voters and reliability: how many voters say `yes` and `no`; whether any of
    them is named; the `log_odds` of yes; the best reliability of either side; and what is known of the context."""
    about = ["may_cycle", "is_cycle_too_large"]
    of_vote = ["is_named", "weight", "doubt", "reliability", "prior", "hard_odds"]
    narrow = judged.select(*CHECKED, "voter", "side", *of_vote, *about)
    # Every column here is of fixed width, which lets Spark aggregate by hash instead of sorting.
    votes = (
        narrow.repartition("context")
        .groupBy(*CHECKED, "voter", "side")
        .agg(*(F.max(name).alias(name) for name in (*of_vote, *about)))
        .withColumn("reliability", F.coalesce("reliability", F.lit(EXPECTED)))
    )
    return votes.groupBy(*CHECKED).agg(
        F.count_if("side").alias("yes"),
        F.count_if(~F.col("side")).alias("no"),
        F.max("is_named").alias("has_names"),
        # Rounded, for the order in which Spark adds is not fixed.
        F.round(_log_odds(), 9).alias("log_odds"),
        F.max(F.when(F.col("side"), F.col("reliability"))).alias("best_yes"),
        F.max(F.when(~F.col("side"), F.col("reliability"))).alias("best_no"),
        *(F.max(name).alias(name) for name in about),
    )


def _log_odds() -> Column:
    """Of yes, by the votes on a subject: their weights and what its source says of any; where subjects may be hard,
    over easy and hard ones as `Glad.log_odds` has it."""
    weight = F.sum(F.when(F.col("side"), F.col("weight")).otherwise(-F.col("weight")))
    half, hard = weight / 2, F.sum("doubt") + F.max("hard_odds")
    over_both = _log_of_both(half, hard + HARD * half) - _log_of_both(-half, hard - HARD * half)
    return F.coalesce(over_both, weight + F.coalesce(F.max("prior"), F.lit(0.0)))


def _log_of_both(first: Column, second: Column) -> Column:
    """The logarithm of the sum of what two are logarithms of."""
    return F.greatest(first, second) + F.log1p(F.exp(-F.abs(first - second)))


def group_id(keys: list[str]) -> Column:
    """Name of a group of judgements, the same wherever it is found."""
    return F.md5(F.concat_ws("|", *(F.col(key).cast("string") for key in keys)))
