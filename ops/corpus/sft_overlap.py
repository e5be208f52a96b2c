"""What prompts of RL share with examples of SFT: images and questions, apart and together."""

import re
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import rows_of
from ops.core.canonical import query_key
from ops.corpus.pictures import Picture, alike_keys, apart, pictures
from ops.prompts.truths import truth_key

_KEY = ["delivery", "example_id"]
_KEYED = pa.schema(
    [("delivery", pa.string()), ("example_id", pa.string()), ("question_key", pa.string()), ("answer_key", pa.string())]
)
_PAIR = pa.schema([("image_id", pa.string()), ("sft_image", pa.string())])
_SENTENCE = re.compile(r"[^.?!\n]*\?")


def sft_overlap(
    prompts: DataFrame,
    turns: DataFrame,
    examples: DataFrame,
    images: DataFrame,
    *,
    hash_distance: int,
    colour_distance: float,
) -> DataFrame:
    """Each prompt that shares an image or its question with an example of SFT."""
    questions = _keys(prompts, query="query", answer="ground_truth", is_json="is_json").where(
        "question_key IS NOT NULL"
    )
    answers = _keys(turns, query="query", answer="response").where("question_key IS NOT NULL")
    by_image = _by_image(examples, images, distance=hash_distance, colour=colour_distance)
    shared = by_image.groupBy(*_KEY).agg(
        F.count("*").alias("images"), F.min(F.struct("sft_delivery", "sft_example")).alias("shows")
    )
    often = answers.groupBy("question_key").agg(F.count("*").alias("questions"))
    both = (
        by_image.join(questions, _KEY)
        .join(_renamed(answers), ["sft_delivery", "sft_example", "question_key"])
        .groupBy(*_KEY)
        .agg(
            F.count("*").alias("both"),
            F.sum((F.col("answer_key") == F.col("sft_answer")).cast("long")).alias("answered"),
            F.min(F.struct("sft_delivery", "sft_example")).alias("asks"),
        )
    )
    overlaps = prompts.select(*_KEY).join(questions, _KEY, "left").join(often, "question_key", "left")
    overlaps = overlaps.join(shared, _KEY, "left").join(both, _KEY, "left")
    example = F.coalesce("asks", "shows")
    return overlaps.where("images IS NOT NULL OR questions IS NOT NULL").select(
        *_KEY,
        *(_count(name) for name in ("images", "questions", "both", "answered")),
        example["sft_delivery"].alias("sft_delivery"),
        example["sft_example"].alias("sft_example"),
    )


def question_key(query: str | None) -> str | None:
    """Key of what a text asks: its first sentence with a question mark, or all of it where none has one. Templates say
    before and behind it how to answer. None where it asks nothing."""
    text = (query or "").rpartition("\nuser: ")[2]
    asked = _SENTENCE.search(text)
    plain = asked[0].strip() if asked and len(asked[0].split()) > 1 else text.strip()
    return query_key(plain) if plain else None


def _keys(rows: DataFrame, *, query: str, answer: str, is_json: str | None = None) -> DataFrame:
    """The key of what is asked and of what is right, or answered, of each row."""
    flag = F.lit(False) if is_json is None else F.coalesce(is_json, F.lit(False))
    read = rows.select(*_KEY, F.col(query).alias("query"), F.col(answer).alias("answer"), flag.alias("is_json"))
    return read.mapInArrow(_keyed, from_arrow_schema(_KEYED))


def _keyed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [
            {
                **{name: row[name] for name in _KEY},
                "question_key": question_key(row["query"]),
                "answer_key": None if row["answer"] is None else truth_key(row["answer"], is_json=row["is_json"]),
            }
            for row in batch.to_pylist()
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=_KEYED)


def _by_image(examples: DataFrame, images: DataFrame, *, distance: int, colour: float) -> DataFrame:
    """Pairs of a prompt and an example of SFT that show the same image, or alike ones."""
    compared = examples.where("kind IN ('sft', 'prompt')")
    picture = F.explode("pictures").alias("picture")
    pictured = pictures(compared, images).select(*_KEY, picture).select(*_KEY, "picture.*")
    kinds = pictured.join(compared.select(*_KEY, "kind"), _KEY)
    facts = ["image_id", "hash", "colours"]
    names = {name: f"sft_{name}" for name in facts}
    prompt, sft = (kinds.where(F.col("kind") == kind) for kind in ("prompt", "sft"))
    key = F.explode(alike_keys(F.coalesce("hash", "image_id"), distance)).alias("key")
    theirs, others = (rows.select(*facts).distinct().select(*facts, key) for rows in (prompt, sft))
    both = theirs.join(others.withColumnsRenamed(names), "key").dropDuplicates(["image_id", "sft_image_id"])
    alike = both.mapInArrow(partial(_alike, distance=distance, colour=colour), from_arrow_schema(_PAIR))
    names_of_sft = ("delivery", "sft_delivery"), ("example_id", "sft_example"), ("image_id", "sft_image")
    shows = sft.select(*(F.col(name).alias(other) for name, other in names_of_sft))
    pairs = prompt.select(*_KEY, "image_id").join(alike, "image_id").join(shows, "sft_image")
    return pairs.select(*_KEY, "sft_delivery", "sft_example").distinct()


class _PicturePair(Picture):
    """An image of a prompt, and one of an SFT example beside it."""

    sft_image_id: str
    sft_hash: str | None
    sft_colours: bytes | None


def _alike(batches: Iterable[pa.RecordBatch], *, distance: int, colour: float) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [
            {"image_id": row["image_id"], "sft_image": row["sft_image_id"]}
            for row in rows_of(batch, _PicturePair)
            if apart([row], [_other(row)], distance=distance, colour=colour) is not None
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=_PAIR)


def _other(row: _PicturePair) -> Picture:
    return {"image_id": row["sft_image_id"], "hash": row["sft_hash"], "colours": row["sft_colours"]}


def _renamed(turns: DataFrame) -> DataFrame:
    names = (("delivery", "sft_delivery"), ("example_id", "sft_example"), ("answer_key", "sft_answer"))
    return turns.select("question_key", *(F.col(name).alias(other) for name, other in names))


def _count(name: str) -> Column:
    return F.coalesce(name, F.lit(0)).cast("long").alias(name)
