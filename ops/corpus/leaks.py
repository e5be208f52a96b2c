"""Preference data that turns up among SFT targets: the edges from judgements to SFT turns.

Texts are compared by the Jaccard similarity of their sets of words and pairs of neighbouring words. Where images are
shared, every response to an image is compared with every SFT answer about it. Elsewhere candidates come from MinHash
bands (Broder 1997): texts that share one of `_BANDS` groups of `_ROWS` minima. There each text is looked at once,
however often it is said, and in each band with `_MOST_IN_BAND` judged texts of either side at most, so that a phrase
which thousands repeat does not make pairs of them all. Where images are shared, texts are also compared by their
vectors (ops/corpus/paraphrases.py).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from ops.core.canonical import image_key
from ops.corpus.paraphrases import nearest_rejected
from ops.corpus.vectors import text_id

_BANDS, _ROWS = 20, 4
_MOST_IN_BAND = 100
_TURN = ["delivery", "example_id", "turn"]


def reward_leaks(
    turns: DataFrame,
    preferences: DataFrame,
    embeddings: DataFrame,
    *,
    fewest_words: int,
    near: float,
    far: float,
    lead: float,
    near_cosine: float,
    lead_cosine: float,
    most_responses: int,
    held_out: tuple[str, ...],
) -> DataFrame:
    """SFT turns that stand near a rejected response, or next to the other side of a pair, or that answer a held-out
    prompt (columns of the audit)."""
    answers, judged = _texts(turns, preferences, fewest_words)
    few_answers, few_judged = _few(answers, judged, most_responses)
    pairs = _scored(few_answers.join(few_judged, "image_key"), near)
    by_words = _leaks(pairs.unionByName(_by_bands(answers, judged, far)), lead)
    by_meaning = _paraphrases(few_answers, few_judged, embeddings, near=near_cosine, lead=lead_cosine)
    parts = _either(by_words, by_meaning).unionByName(_both_sides(turns, preferences), allowMissingColumns=True)
    parts = parts.unionByName(_held_out(turns, preferences, held_out), allowMissingColumns=True)
    columns = [name for name in parts.columns if name not in _TURN]
    leaks = parts.groupBy(*_TURN).agg(*(F.max(name).alias(name) for name in columns))
    flags = ("is_near_rejected", "by_words", "by_meaning", "is_both_sides", "is_held_out_prompt")
    return leaks.withColumns({name: F.coalesce(name, F.lit(False)) for name in flags})


def shingles(words: Column) -> Column:
    """The distinct hashes of a text's words and pairs of neighbouring words."""
    pairs = F.zip_with(
        words, F.slice(words, 2, F.size(words)), lambda word, following: F.concat(word, F.lit(" "), following)
    )
    # The last word has no neighbour, and its pair is null.
    texts = F.concat(words, F.filter(pairs, lambda pair: pair.isNotNull()))
    # Spark refuses a function of any number of arguments here.
    return F.array_distinct(F.transform(texts, lambda text: F.xxhash64(text)))


def _texts(turns: DataFrame, preferences: DataFrame, fewest_words: int) -> tuple[DataFrame, DataFrame]:
    """What SFT turns say and what was judged, with the shingles and the id of each text."""
    answers = _shingled(turns.select(*_TURN, "image_key", "query_key", "response_key", "response"), fewest_words)
    judged = _shingled(
        preferences.where("label IN ('chosen', 'rejected', 'good', 'bad')").select(
            F.struct("judgement_id", "delivery", "example_id").alias("judgement"),
            F.col("label").isin("rejected", "bad").alias("is_bad"),
            "image_key",
            F.col("query_key").alias("judged_query"),
            F.col("response_key").alias("judged_key"),
            "response",
        ),
        fewest_words,
    )
    # One row for each response: the same one judged often is one text.
    once = judged.groupBy("image_key", "judged_query", "judged_key", "is_bad").agg(
        F.min("judgement").alias("judgement"),
        F.min("shingles").alias("judged_shingles"),
        F.min("text").alias("judged_text"),
    )
    return answers, once


def _shingled(rows: DataFrame, fewest_words: int) -> DataFrame:
    words = F.regexp_extract_all(F.lower("response"), F.lit(r"(?U)(\w+)"))
    long = rows.withColumn("words", words).where(F.size("words") >= fewest_words)
    made = long.withColumns({"shingles": shingles(F.col("words")), "text": text_id(F.col("response"))})
    return made.drop("words", "response")


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
    return scored.select(*_TURN, "judgement", "is_bad", "similarity", same_query)


def _leaks(close: DataFrame, lead: float) -> DataFrame:
    best = close.groupBy(*_TURN).agg(
        F.max(F.when(F.col("is_bad"), F.struct("similarity", "judgement", "same_query"))).alias("bad"),
        F.max(F.when(~F.col("is_bad"), F.col("similarity"))).alias("chosen_similarity"),
    )
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
    """Turns with the judged texts that theirs is near to, whatever images either is about."""
    answer_shingles = answers.groupBy("response_key").agg(F.min("shingles").alias("shingles"))
    text = ["judged_key", "is_bad"]
    other = judged.groupBy(*text).agg(
        F.min("judged_shingles").alias("judged_shingles"), F.min("judgement").alias("any_judgement")
    )
    place = F.row_number().over(Window.partitionBy("band", "is_bad").orderBy("judged_key"))
    few = other.select(*text, F.explode(_bands(F.col("judged_shingles"))).alias("band")).withColumn("place", place)
    pairs = (
        answer_shingles.select("response_key", F.explode(_bands(F.col("shingles"))).alias("band"))
        .join(few.where(F.col("place") <= _MOST_IN_BAND), "band")
        .select("response_key", *text)
        .distinct()
    )
    near = pairs.join(answer_shingles, "response_key").join(other, text).withColumn("similarity", _similarity())
    turns = answers.select(*_TURN, "query_key", "response_key")
    close = turns.join(near.where(F.col("similarity") >= far).drop("shingles", "judged_shingles"), "response_key")
    asked = judged.groupBy(*text, F.col("judged_query").alias("query_key")).agg(
        F.min("judgement").alias("same_judgement")
    )
    located = close.join(asked, [*text, "query_key"], "left")
    judgement = F.coalesce("same_judgement", "any_judgement").alias("judgement")
    same_query = F.col("same_judgement").isNotNull().alias("same_query")
    return located.select(*_TURN, judgement, "is_bad", "similarity", same_query)


def _bands(hashes: Column) -> Column:
    def minimum(seed: Column) -> Column:
        return F.array_min(F.transform(hashes, lambda h: F.xxhash64(h, seed)))

    def band(number: Column) -> Column:
        rows = F.transform(F.sequence(number * _ROWS, number * _ROWS + (_ROWS - 1)), minimum)
        return F.xxhash64(number, F.concat_ws("|", F.transform(rows, lambda row: row.cast("string"))))

    return F.transform(F.sequence(F.lit(0), F.lit(_BANDS - 1)), band)


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
