"""Closed answers of SFT examples that contradict each other."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.links import Links, key_of, keyed
from ops.corpus.tables import CorpusTables

_QUESTION = ["image_key", "query_key", "answer_kind"]
# Distinct answers of a question that are compared with each other; a question with more is no closed one.
_MOST_ANSWERS = 64


def _links(tables: CorpusTables, settings: None) -> dict[str, DataFrame]:
    asked = F.col("answer_kind").isNotNull() & (F.trim("query") != "")
    return {"turns": keyed(tables["turns"], F.when(asked, key_of("question", *_QUESTION)))}


LINKS = Links("turns", _links)


def sft_contradictions(turns: DataFrame) -> DataFrame:
    """Each SFT turn with a closed answer to a question that other turns answer otherwise."""
    closed = turns.where("answer_kind IS NOT NULL")
    # A question about no image and with no words asks nothing that two answers could disagree on.
    asked = closed.where(F.trim("query") != "")
    votes = asked.groupBy(*_QUESTION, "answer").agg(F.count_distinct("voter", "turn").alias("votes"))
    return (
        asked.join(_contested(votes), _QUESTION)
        .join(votes, [*_QUESTION, "answer"])
        .select(
            "delivery",
            "example_id",
            "turn",
            F.md5(F.concat_ws("|", *_QUESTION)).alias("group_id"),
            "answer_kind",
            "answer",
            "distinct_answers",
            "votes",
            "all_votes",
            F.when(F.col("first_votes") > F.col("second_votes"), F.col("first")).alias("majority_answer"),
            (F.col("first_votes") / F.col("all_votes")).alias("majority_share"),
            F.when(F.col("first_votes") > F.col("second_votes"), F.col("answer") == F.col("first")).alias(
                "is_majority"
            ),
        )
    )


def _contested(votes: DataFrame) -> DataFrame:
    """The questions of which two answers are incompatible, with their first two answers by votes."""
    return (
        votes.groupBy(*_QUESTION)
        .agg(
            F.array_sort(F.collect_list(F.struct(F.negative("votes").alias("order"), "answer"))).alias("answers"),
            F.sum("votes").alias("all_votes"),
        )
        .where(F.size("answers").between(2, _MOST_ANSWERS) & _disagree(F.col("answers.answer")))
        .select(
            *_QUESTION,
            F.size("answers").cast("int").alias("distinct_answers"),
            "all_votes",
            F.element_at("answers", 1)["answer"].alias("first"),
            F.negative(F.element_at("answers", 1)["order"]).alias("first_votes"),
            F.negative(F.element_at("answers", 2)["order"]).alias("second_votes"),
        )
    )


def _disagree(answers: Column) -> Column:
    """Whether two of the answers differ in more than one adding words to the other ("dog", "brown dog")."""
    words = F.transform(answers, lambda answer: F.split(answer, " "))
    return F.exists(
        words,
        lambda answer_words: F.exists(
            words,
            lambda other_words: (
                (F.size(F.array_except(answer_words, other_words)) > 0)
                & (F.size(F.array_except(other_words, answer_words)) > 0)
            ),
        ),
    )
