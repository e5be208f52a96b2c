"""Ratings that contradict their label, their scale, or each other."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.judgements import KEYS, label_side, rating_side
from ops.corpus.rationales import against_rationale

_PAIR = ["delivery", "example_id", "low", "high"]
_RESPONSE = ["image_key", "query_key", "response_key"]
_FEWEST_RATINGS = 3


def odd_ratings(preferences: DataFrame, examples: DataFrame, *, rating_gap: float) -> DataFrame:
    """Judgements whose rating cannot be right.

    `is_score_conflict`: called good with a rating below the middle of its scale or bad with one above it, or chosen
    with a lower rating than the response it beat, in the same row; or a rationale that says otherwise
    (`against_rationale`). `is_scale_error`: a rating outside its scale, or one that lies `rating_gap` of the scale or
    more from the median of at least three ratings of the same response (a 10 that should be a 1).
    """
    rated = preferences.where("rating IS NOT NULL AND NOT isnan(rating)").withColumn(
        "share", F.when(F.col("rating_scale") > 0, F.col("rating") / F.col("rating_scale"))
    )
    against_words = _as_odd(against_rationale(preferences, examples), conflict=True)
    odd = _against_label(rated).unionByName(_against_opponent(rated)).unionByName(against_words)
    return odd.unionByName(_off_scale(rated, rating_gap))


def _as_odd(rows: DataFrame, *, conflict: bool) -> DataFrame:
    return rows.select(
        *KEYS,
        F.lit(True if conflict else None).cast("boolean").alias("is_score_conflict"),
        F.lit(None if conflict else True).cast("boolean").alias("is_scale_error"),
    )


def _against_label(rated: DataFrame) -> DataFrame:
    side = rating_side(F.col("rating"), F.col("rating_scale"))
    return _as_odd(rated.where(label_side() * side < 0), conflict=True)


def _against_opponent(rated: DataFrame) -> DataFrame:
    pairs = rated.where("label IN ('chosen', 'rejected') AND opponent_key IS NOT NULL").withColumns(
        {"low": F.least("response_key", "opponent_key"), "high": F.greatest("response_key", "opponent_key")}
    )
    ratings = pairs.groupBy(*_PAIR).agg(
        F.min(F.when(F.col("label") == "chosen", F.col("rating"))).alias("of_chosen"),
        F.max(F.when(F.col("label") == "rejected", F.col("rating"))).alias("of_rejected"),
    )
    return _as_odd(pairs.join(ratings.where("of_chosen < of_rejected"), _PAIR), conflict=True)


def _off_scale(rated: DataFrame, rating_gap: float) -> DataFrame:
    outside = rated.where((F.col("rating") < 0) | (F.col("share") > 1))
    medians = (
        rated.where("share BETWEEN 0 AND 1")
        .groupBy(*_RESPONSE)
        .agg(F.percentile("share", 0.5).alias("median"), F.count("*").alias("ratings"))
        .where(F.col("ratings") >= _FEWEST_RATINGS)
    )
    far = rated.where("share BETWEEN 0 AND 1").join(medians, _RESPONSE)
    far = far.where(F.abs(F.col("share") - F.col("median")) >= rating_gap)
    return _as_odd(outside.select(*KEYS).unionByName(far.select(*KEYS)), conflict=False)
