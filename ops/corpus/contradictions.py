"""Judgements that contradict each other, all kinds together: one row for each judgement that has any."""

from dataclasses import asdict, dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.core.identity import fingerprint
from ops.corpus.cycles import contested_or_cyclic, suspect_contexts
from ops.corpus.judgements import (
    CHECKED,
    CONTEXT,
    KEYS,
    group_id,
    sided,
    subjects,
    votes_of,
    with_reliability,
    with_voters,
)
from ops.corpus.links import Links, State, key_of, keyed
from ops.corpus.raters import Reliability, reliability_of
from ops.corpus.ratings import odd_ratings
from ops.corpus.tables import CorpusTables
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


@dataclass(frozen=True, slots=True)
class ContradictionSettings:
    """`audits.contradictions` in assay.yaml."""

    clear_majority: float = 0.6
    """Share of the votes from which a majority decides, where no annotator is named."""
    clear_posterior: float = 0.8
    """Probability from which annotators of known reliability decide."""
    noisy_below: float = 0.65
    """Reliability below which a rater is noisy."""
    fit_judgements: int = 2_000_000
    """Judgements that reliabilities are fitted on."""
    most_pairs: int = 20_000
    """Pairs of one query up to which it is searched for cycles."""
    training_tokens: int = 2048
    """Length at which training cuts a sequence; 0 for no limit."""
    image_tokens: int = 576
    """Tokens of that length that each image takes."""
    rating_gap: float = 0.7
    """Distance of a rating from the median of its response, as a share of the scale, from which it is an error."""

    def __post_init__(self) -> None:
        for name, low in (("clear_majority", 0.5), ("clear_posterior", 0.5), ("noisy_below", 0), ("rating_gap", 0)):
            if not low <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between {low} and 1")


def _links(tables: CorpusTables, settings: ContradictionSettings) -> dict[str, DataFrame]:
    return {"preferences": keyed(tables["preferences"], key_of("context", *CONTEXT))}


def _reliability(tables: CorpusTables, settings: ContradictionSettings) -> State:
    """Of raters, over the whole corpus."""
    known = reliability_of(sided(tables["preferences"]), fit_judgements=settings.fit_judgements)
    return State(known, fingerprint(asdict(known)))


# What votes weigh changes with every judgement that a rater makes anywhere; only contested subjects ask for it.
LINKS = Links("preferences", _links, state=_reliability, unsettled="resolution IS NOT NULL")


def contradictions(
    preferences: DataFrame, examples: DataFrame, settings: ContradictionSettings, *, state: State | None = None
) -> DataFrame:
    """All kinds of contradiction, with what they say joined by judgement (schema of the audit). `state` holds the
    raters' reliability where it is known; without it, it is fitted on these judgements."""
    judged = sided(preferences)
    known = state.value if state else reliability_of(judged, fit_judgements=settings.fit_judgements)
    voted = _voted(judged, examples, settings, known)
    alone = _alone(judged, preferences, examples, settings).withColumnRenamed("group_id", "own_group")
    # Both have one row a judgement.
    rows = voted.join(alone, KEYS, "full_outer").withColumn("group_id", F.coalesce("group_id", "own_group"))
    return rows.drop("own_group").withColumns({name: F.coalesce(name, F.lit(False)) for name in FLAGS})


def _alone(
    judged: DataFrame, preferences: DataFrame, examples: DataFrame, settings: ContradictionSettings
) -> DataFrame:
    """Judgements that are wrong whatever others say: one row each, with its flags and the group of identical ones."""
    parts = (
        judged.where("is_identical").select(*KEYS, "is_identical", group_id(CHECKED).alias("group_id")),
        identical_when_cut(preferences, training_tokens=settings.training_tokens, image_tokens=settings.image_tokens),
        odd_ratings(preferences, examples, rating_gap=settings.rating_gap),
    )
    rows = reduce(lambda rows, more: rows.unionByName(more, allowMissingColumns=True), parts)
    # A judgement has at most one value of each column but null, so that the largest is that value.
    return rows.groupBy(*KEYS).agg(*(F.max(name).alias(name) for name in rows.columns if name not in KEYS))


def _voted(
    judged: DataFrame, examples: DataFrame, settings: ContradictionSettings, reliability: Reliability
) -> DataFrame:
    """Judgements of subjects that are judged both ways, or that lie on a cycle, or that are too many to search."""
    suspects = suspect_contexts(subjects(judged), most_pairs=settings.most_pairs)
    # Whose row a judgement stands in matters only where nobody signed it, and the join is dear.
    all_named = judged.where("NOT is_named").isEmpty()
    rows = judged.where("NOT is_identical").join(suspects, "context")
    rows = with_voters(rows, None if all_named else examples)
    rows = with_reliability(rows, reliability)
    voted = rows.drop("is_cycle_too_large").join(contested_or_cyclic(votes_of(rows)), CHECKED)
    is_contested, in_cycle = (F.col("yes") > 0) & (F.col("no") > 0), F.col("first_member").isNotNull()
    is_pair = F.col("high_hash") != 0
    return voted.select(
        *KEYS,
        (is_contested & ~is_pair).alias("is_good_and_bad"),
        (is_contested & is_pair).alias("is_flip"),
        in_cycle.alias("in_cycle"),
        "is_cycle_too_large",
        *(F.when(is_contested, column).alias(name) for name, column in _resolved(settings).items()),
        F.when(in_cycle, group_id([*CHECKED[:2], "first_member"])).alias("cycle_id"),
        "cycle_size",
        "is_top_cycle",
    )


def _resolved(settings: ContradictionSettings) -> dict[str, Column]:
    """What the votes on a contested subject say of one judgement of it."""
    votes = F.col("yes") + F.col("no")
    share = F.col("yes") / votes
    posterior = F.round(1 / (1 + F.exp(-F.col("log_odds"))), 6)
    likely = F.when(F.col("has_names"), posterior).otherwise(share)
    limit = F.when(F.col("has_names"), settings.clear_posterior).otherwise(settings.clear_majority)
    tie = F.when(F.col("has_names"), F.col("log_odds") == 0).otherwise(F.col("yes") == F.col("no"))
    clear = ~tie & (F.greatest(likely, 1 - likely) >= limit)
    decided = F.when(F.col("has_names"), "posterior").otherwise("majority")
    agrees = (likely > 0.5) == F.col("side")
    best_loser = F.when(likely > 0.5, F.col("best_no")).otherwise(F.col("best_yes"))
    noisy = F.when(F.col("is_named"), "noisy_annotator").otherwise("noisy_source")
    sound = F.least("best_yes", "best_no") >= settings.noisy_below
    return {
        "group_id": group_id(CHECKED),
        "votes_for": F.when(F.col("side"), F.col("yes")).otherwise(F.col("no")),
        "votes_against": F.when(F.col("side"), F.col("no")).otherwise(F.col("yes")),
        "majority_share": F.greatest("yes", "no") / votes,
        "resolution": F.when(tie, "tie").when(clear, decided).otherwise("abstain"),
        "side": F.when(~clear, "undecided").when(agrees, "upheld").otherwise("overruled"),
        "soft_label": F.round(F.when(F.col("side"), likely).otherwise(1 - likely), 6),
        "reliability": F.round("reliability", 6),
        "annotator_model": F.when(F.col("has_names"), F.col("annotator_model")),
        "cause": F.when(clear & ~agrees & (best_loser < settings.noisy_below), noisy).when(
            F.col("has_names") & ~clear & sound, "subjective"
        ),
    }
