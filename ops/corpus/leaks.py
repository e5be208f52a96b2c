"""Preference data that turns up among SFT targets: the edges from judgements to SFT turns.

Texts are compared by the Jaccard similarity of their sets of words and pairs of neighbouring words. Where images are
shared, every response to an image is compared with every SFT answer about it. Elsewhere candidates come from MinHash
bands (Broder 1997), which are stored (`ops/corpus/response_words.py`). There each text is looked at once,
however often it is said, and in each band with `_MOST_IN_BAND` judged texts of either side at most, so that a phrase
which thousands repeat does not make pairs of them all. Where images are shared, texts are also compared by their
vectors (ops/corpus/paraphrases.py).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from ops.core.canonical import image_key
from ops.core.key_schemas import JUDGED_WORDS, TURN_WORDS
from ops.corpus.links import KEYS, Links, key_of
from ops.corpus.paraphrases import nearest_rejected
from ops.corpus.tables import CorpusTables

_MOST_IN_BAND = 100
_TURN = ["delivery", "example_id", "turn"]


def reward_leaks(
    turns: DataFrame,
    judged: DataFrame,
    embeddings: DataFrame,
    *,
    near: float,
    far: float,
    lead: float,
    near_cosine: float,
    lead_cosine: float,
    most_responses: int,
    held_out: tuple[str, ...],
) -> DataFrame:
    """SFT turns that stand near a rejected response, or next to the other side of a pair, or that answer a held-out
    prompt (columns of the audit). `turns` has rows of TURN_WORDS, `judged` of JUDGED_WORDS."""
    answers, texts = _texts(turns, judged)
    few_answers, few_judged = _few(answers.drop("bands"), texts.drop("judged_bands"), most_responses)
    pairs = _scored(few_answers.join(few_judged, "image_key"), near)
    by_words = _leaks(pairs.unionByName(_by_bands(answers, texts, far)), lead)
    by_meaning = _paraphrases(few_answers, few_judged, embeddings, near=near_cosine, lead=lead_cosine)
    parts = _either(by_words, by_meaning).unionByName(_both_sides(turns, judged), allowMissingColumns=True)
    parts = parts.unionByName(_held_out(turns, judged, held_out), allowMissingColumns=True)
    columns = [name for name in parts.columns if name not in _TURN]
    leaks = parts.groupBy(*_TURN).agg(*(F.max(name).alias(name) for name in columns))
    flags = ("is_near_rejected", "by_words", "by_meaning", "is_both_sides", "is_held_out_prompt")
    return leaks.withColumns({name: F.coalesce(name, F.lit(False)) for name in flags})


def _links(tables: CorpusTables, settings: None) -> dict[str, DataFrame]:
    # What is about images hangs together with all about them; what is about none with what asks the same.
    is_bare = F.col("image_key") == image_key([])
    about = F.when(is_bare, key_of("query", "query_key")).otherwise(key_of("image", "image_key"))
    keys = F.concat(F.array(about), F.coalesce("bands", F.array().cast("array<long>")))
    return {spec.name: tables[spec.name].withColumn(KEYS, keys) for spec in (TURN_WORDS, JUDGED_WORDS)}


LINKS = Links(TURN_WORDS.name, _links)


def _texts(turns: DataFrame, judged: DataFrame) -> tuple[DataFrame, DataFrame]:
    """What SFT turns say and what was judged, of those long enough to compare."""
    answers = turns.where("words_key IS NOT NULL")
    responses = judged.where("label IN ('chosen', 'rejected', 'good', 'bad') AND words_key IS NOT NULL").select(
        F.struct("judgement_id", "delivery", "example_id").alias("judgement"),
        F.col("label").isin("rejected", "bad").alias("is_bad"),
        "image_key",
        F.col("query_key").alias("judged_query"),
        F.col("response_key").alias("judged_key"),
        F.col("words_key").alias("judged_words"),
        F.col("shingles").alias("judged_shingles"),
        F.col("text").alias("judged_text"),
        F.col("bands").alias("judged_bands"),
    )
    # One row for each response: the same one judged often is one text.
    once = responses.groupBy("image_key", "judged_query", "judged_key", "judged_words", "is_bad").agg(
        F.min("judgement").alias("judgement"),
        F.min("judged_text").alias("judged_text"),
        *(F.any_value(name).alias(name) for name in ("judged_shingles", "judged_bands")),
    )
    return answers, once


def _few(spoken: DataFrame, judged: DataFrame, most: int) -> tuple[DataFrame, DataFrame]:
    """Those about images of which each answer can be compared with each response; an image with more than `most`
    responses or answers is left to the bands."""
    by_image = Window.partitionBy("image_key")
    responses = judged.where(F.col("image_key") != image_key([])).withColumn("responses", F.count("*").over(by_image))
    # The last of the answers in order counts how many different ones there are.
    numbered = spoken.withColumn("answer", F.dense_rank().over(by_image.orderBy("response_key")))
    answers = numbered.withColumn("answers", F.max("answer").over(by_image))
    return (
        answers.where(F.col("answers") <= most).drop("answer", "answers"),
        responses.where(F.col("responses") <= most).drop("responses"),
    )


def _scored(pairs: DataFrame, least: float) -> DataFrame:
    """The pairs that are near by their words; with what was not rejected also those that are not."""
    scored = pairs.withColumn("similarity", _similarity()).where((F.col("similarity") >= least) | ~F.col("is_bad"))
    same_query = (F.col("query_key") == F.col("judged_query")).alias("same_query")
    return scored.select(*_TURN, F.lit(True).alias("same_image"), "judgement", "is_bad", "similarity", same_query)


def _leaks(close: DataFrame, lead: float) -> DataFrame:
    bad, own = F.struct("similarity", "judgement", "same_query"), F.col("same_image")
    nearest = close.groupBy(*_TURN).agg(
        F.max(F.when(F.col("is_bad") & own, bad)).alias("own_bad"),
        F.max(F.when(F.col("is_bad") & ~own, bad)).alias("other_bad"),
        F.max(F.when(~F.col("is_bad") & own, F.col("similarity"))).alias("own_chosen"),
        F.max(F.when(~F.col("is_bad"), F.col("similarity"))).alias("any_chosen"),
    )
    # That a response was chosen about another picture does not excuse what was rejected about this one.
    sides = (("own_bad", "own_chosen"), ("other_bad", "any_chosen"))
    held = [F.struct(F.col(bad).alias("bad"), F.col(good).alias("chosen_similarity")) for bad, good in sides]
    best = nearest.select(*_TURN, F.explode(F.array(*held)).alias("held")).select(*_TURN, "held.*")
    # A rejected response is often a chosen one with a few words changed, and answers about one picture share words
    # anyway; the target is a leak only if it is clearly nearer to the rejected one.
    ahead = F.col("bad.similarity") - F.coalesce("chosen_similarity", F.lit(0.0))
    is_leak = (ahead > 0) & (ahead >= lead * (1 - F.col("bad.similarity")))
    return best.where(is_leak).select(
        *_TURN,
        F.struct(F.lit(True).alias("by_words"), "bad.judgement", "bad.same_query").alias("edge"),
        F.round("bad.similarity", 6).alias("similarity"),
        F.round("chosen_similarity", 6).alias("chosen_similarity"),
    )


def _paraphrases(
    answers: DataFrame, judged: DataFrame, embeddings: DataFrame, *, near: float, lead: float
) -> DataFrame:
    """Turns whose answer is a rejected response to the same image in other words."""
    nearest = nearest_rejected(answers, judged, embeddings, near=near, lead=lead)
    rejected = judged.where("is_bad").select("image_key", "judged_text", "judged_query", "judgement")
    turns = answers.select(*_TURN, "image_key", "text", "query_key").join(nearest, ["image_key", "text"])
    edges = turns.join(rejected, ["image_key", "judged_text"]).withColumn(
        "same_query", F.col("query_key") == F.col("judged_query")
    )
    edge = F.struct(F.lit(False).alias("by_words"), "judgement", "same_query")
    return edges.groupBy(*_TURN).agg(
        # The judgement of the same query, where one was judged there.
        F.max_by(edge, F.struct("same_query", "judgement")).alias("edge"),
        F.max("cosine").alias("cosine"),
        F.max("chosen_cosine").alias("chosen_cosine"),
    )


def _either(by_words: DataFrame, by_meaning: DataFrame) -> DataFrame:
    """Leaks that either comparison finds, and the judgement: that of the nearest by words, where those find one."""
    both = by_words.unionByName(by_meaning, allowMissingColumns=True).groupBy(*_TURN)
    figures = ("similarity", "chosen_similarity", "cosine", "chosen_cosine")
    strongest = both.agg(F.max("edge").alias("edge"), *(F.max(name).alias(name) for name in figures))
    return strongest.select(
        *_TURN,
        F.lit(True).alias("is_near_rejected"),
        F.col("edge.by_words").alias("by_words"),
        F.col("cosine").isNotNull().alias("by_meaning"),
        F.col("edge.judgement.judgement_id").alias("judgement_id"),
        F.col("edge.judgement.delivery").alias("judgement_delivery"),
        F.col("edge.judgement.example_id").alias("judgement_example_id"),
        *figures,
        F.col("edge.same_query").alias("same_query"),
    )


def _by_bands(answers: DataFrame, judged: DataFrame, far: float) -> DataFrame:
    """Turns with the judged texts that theirs is near to, whatever images either is about. Texts of the same words are
    one."""
    words = [F.any_value(name).alias(name) for name in ("shingles", "bands")]
    answer_texts = answers.groupBy("words_key").agg(*words)
    text = ["judged_words", "is_bad"]
    words = [F.any_value(name).alias(name) for name in ("judged_shingles", "judged_bands")]
    other = judged.groupBy(*text).agg(*words, F.min("judgement").alias("any_judgement"))
    place = F.row_number().over(Window.partitionBy("band", "is_bad").orderBy("judged_words"))
    few = other.select(*text, F.explode("judged_bands").alias("band")).withColumn("place", place)
    pairs = (
        answer_texts.select("words_key", F.explode("bands").alias("band"))
        .join(few.where(F.col("place") <= _MOST_IN_BAND), "band")
        .select("words_key", *text)
        .distinct()
    )
    near = pairs.join(answer_texts.drop("bands"), "words_key").join(other.drop("judged_bands"), text)
    near = near.withColumn("similarity", _similarity()).where(F.col("similarity") >= far)
    turns = answers.select(*_TURN, "query_key", "words_key")
    close = turns.join(near.drop("shingles", "judged_shingles"), "words_key")
    asked = judged.groupBy(*text, F.col("judged_query").alias("query_key")).agg(
        F.min("judgement").alias("same_judgement")
    )
    located = close.join(asked, [*text, "query_key"], "left")
    judgement = F.coalesce("same_judgement", "any_judgement").alias("judgement")
    same_query = F.col("same_judgement").isNotNull().alias("same_query")
    return located.select(*_TURN, F.lit(False).alias("same_image"), judgement, "is_bad", "similarity", same_query)


def _similarity() -> Column:
    shared = F.size(F.array_intersect("shingles", "judged_shingles"))
    return shared / (F.size("shingles") + F.size("judged_shingles") - shared)


def _both_sides(turns: DataFrame, preferences: DataFrame) -> DataFrame:
    """Turns that use the chosen or the rejected response of a pair of which another turn uses the other."""
    context = ["image_key", "query_key"]
    pairs = preferences.where("label = 'chosen' AND opponent_key IS NOT NULL AND opponent_key != response_key").select(
        *context, F.col("response_key").alias("chosen_key"), F.col("opponent_key").alias("rejected_key")
    )
    answered = turns.select(*context, "response_key").distinct()
    chosen = answered.withColumnRenamed("response_key", "chosen_key")
    rejected = answered.withColumnRenamed("response_key", "rejected_key")
    both = pairs.distinct().join(chosen, [*context, "chosen_key"]).join(rejected, [*context, "rejected_key"])
    sides = both.select(*context, F.explode(F.array("chosen_key", "rejected_key")).alias("response_key")).distinct()
    return turns.join(sides, [*context, "response_key"]).select(*_TURN, F.lit(True).alias("is_both_sides"))


def _held_out(turns: DataFrame, preferences: DataFrame, held_out: tuple[str, ...]) -> DataFrame:
    prompts = preferences.where(F.col("dataset").isin(*held_out) if held_out else F.lit(False))
    held = turns.join(prompts.select("image_key", "query_key").distinct(), ["image_key", "query_key"], "left_semi")
    return held.select(*_TURN, F.lit(True).alias("is_held_out_prompt"))
