"""Judgements that contradict each other, all kinds together: one row for each judgement that has any."""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.cycles import cycle_edges, suspect_contexts
from ops.corpus.judgements import CONTEXT, KEYS, SUBJECT, group_id, sided, subjects, votes_of, with_voters
from ops.corpus.ratings import odd_ratings
from ops.corpus.truncation import identical_when_cut

FLAGS = (
    "is_good_and_bad",
    "is_flip",
    "in_cycle",
    "is_identical",
    "is_identical_when_cut",
    "is_score_conflict",
    "is_scale_error",
    "is_cycle_too_large",
)


def contradictions(
    preferences: DataFrame,
    examples: DataFrame,
    *,
    clear_majority: float,
    most_pairs: int,
    training_tokens: int,
    image_tokens: int,
    rating_gap: float,
) -> DataFrame:
    """All kinds of contradiction, with what they say joined by judgement (schema of the audit)."""
    judged = sided(preferences)
    parts = (
        _voted(judged, examples, clear_majority, most_pairs),
        judged.where("low = high").select(
            *KEYS, F.lit(True).alias("is_identical"), group_id(SUBJECT).alias("group_id")
        ),
        identical_when_cut(preferences, training_tokens=training_tokens, image_tokens=image_tokens),
        odd_ratings(preferences, rating_gap=rating_gap),
    )
    rows = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), parts)
    # A judgement has at most one value of each column but false and null, so that the largest is that value.
    one_each = rows.groupBy(*KEYS).agg(*(F.max(name).alias(name) for name in rows.columns if name not in KEYS))
    return one_each.withColumns({name: F.coalesce(name, F.lit(False)) for name in FLAGS})


def _voted(judged: DataFrame, examples: DataFrame, clear_majority: float, most_pairs: int) -> DataFrame:
    """Judgements of subjects that are judged both ways, or that lie on a cycle, or that are too many to search."""
    suspects = suspect_contexts(subjects(judged), most_pairs=most_pairs)
    rows = with_voters(judged.where("low != high").join(suspects, "context"), examples)
    votes = votes_of(rows)
    # Tested on the keys themselves: what hashes let through by a collision ends here.
    is_contested = (F.col("yes") > 0) & (F.col("no") > 0)
    tallied = rows.join(votes, SUBJECT).join(cycle_edges(votes.where("may_cycle")), SUBJECT, "left")
    in_cycle = F.col("first_member").isNotNull()
    found = tallied.where(is_contested | in_cycle | F.col("is_cycle_too_large")).withColumns(
        {
            "votes_for": F.when(F.col("side"), F.col("yes")).otherwise(F.col("no")),
            "votes_against": F.when(F.col("side"), F.col("no")).otherwise(F.col("yes")),
        }
    )
    contested_only = {
        "group_id": group_id(SUBJECT),
        "votes_for": F.col("votes_for"),
        "votes_against": F.col("votes_against"),
        "majority_share": F.greatest("yes", "no") / (F.col("yes") + F.col("no")),
        **_resolved(clear_majority),
    }
    return found.select(
        *KEYS,
        (is_contested & ~F.col("is_pair")).alias("is_good_and_bad"),
        (is_contested & F.col("is_pair")).alias("is_flip"),
        in_cycle.alias("in_cycle"),
        "is_cycle_too_large",
        *(F.when(is_contested, column).alias(name) for name, column in contested_only.items()),
        F.when(in_cycle, group_id([*CONTEXT, "first_member"])).alias("cycle_id"),
        "cycle_size",
        "is_top_cycle",
    )


def _resolved(clear_majority: float) -> dict[str, Column]:
    tie = F.col("votes_for") == F.col("votes_against")
    wins = F.col("votes_for") > F.col("votes_against")
    clear = F.greatest("yes", "no") / (F.col("yes") + F.col("no")) >= clear_majority
    return {
        "resolution": F.when(tie, "tie").when(clear, "majority").otherwise("abstain"),
        "side": F.when(tie | ~clear, "undecided").when(wins, "upheld").otherwise("overruled"),
        "soft_label": F.col("votes_for") / (F.col("votes_for") + F.col("votes_against")),
    }
