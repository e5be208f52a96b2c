"""What prompts of RL share with examples of SFT: images and questions, apart and together."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial, reduce
from typing import Protocol

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import AnyArray, column_of, nullable_values, rows_of
from ops.core.canonical import query_key
from ops.core.key_schemas import ASKED_PROMPTS, ASKED_TURNS, made_schema
from ops.core.schemas import TableSpec
from ops.corpus.links import KEYS, Links, key_of, keyed
from ops.corpus.pictures import Picture, alike_images, alike_keys, apart, pictures
from ops.corpus.tables import CorpusTables
from ops.prompts.truths import truth_key

_KEY = ["delivery", "example_id"]
_PAIR = pa.schema([("image_id", pa.string()), ("sft_image", pa.string())])
_SENTENCE = re.compile(r"[^.?!\n]*\?")


class _Distance(Protocol):
    """What of the settings decides which images are compared."""

    @property
    def hash_distance(self) -> int: ...


def _links(tables: CorpusTables, settings: _Distance) -> dict[str, DataFrame]:
    prompts, turns = tables[ASKED_PROMPTS.name], tables[ASKED_TURNS.name]
    sft = tables["examples"].where("kind = 'sft'")
    own = F.array_append(_image_keys(), _question())
    return {
        ASKED_PROMPTS.name: prompts.withColumn(KEYS, F.array_compact(F.coalesce(own, F.array(_question())))),
        ASKED_TURNS.name: keyed(turns, _question()),
        "examples": sft.withColumn(KEYS, _image_keys()),
    }


def _near(tables: CorpusTables, rows: Mapping[str, DataFrame], settings: _Distance) -> DataFrame:
    """Keys of what shows images that may be alike to those of the rows."""
    showing = [frame for frame in rows.values() if "image_ids" in frame.columns]
    looks = reduce(DataFrame.unionByName, (frame.select(F.explode("image_ids").alias("shown")) for frame in showing))
    alike = alike_images(tables["images"], looks.distinct(), distance=settings.hash_distance)
    return alike.select(_image("image_id").alias("key"))


def _question() -> Column:
    """The key of what is asked; null where nothing is."""
    return F.when(F.col("question_key").isNotNull(), key_of("question", "question_key"))


def _image_keys() -> Column:
    """The keys of the images that are shown."""
    return F.transform("image_ids", _image)


def _image(image_id: Column | str) -> Column:
    return key_of("image", image_id)


LINKS = Links(ASKED_PROMPTS.name, _links, near=_near)


def sft_overlap(
    prompts: DataFrame,
    turns: DataFrame,
    examples: DataFrame,
    images: DataFrame,
    *,
    hash_distance: int,
    colour_distance: float,
) -> DataFrame:
    """Each prompt that shares an image or its question with an example of SFT. `prompts` has rows of ASKED_PROMPTS, and
    `turns` of ASKED_TURNS."""
    questions = prompts.where("question_key IS NOT NULL").select(*_KEY, "question_key", "answer_key")
    answers = turns.where("question_key IS NOT NULL")
    sft = examples.where("kind = 'sft'")
    by_image = _by_image(prompts, sft, images, distance=hash_distance, colour=colour_distance)
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


def asked_turns(turns: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of ASKED_TURNS (but for `rules`) of turns of SFT: delivery, example_id, turn, query, response."""
    answers = [
        None if answer is None else truth_key(answer, is_json=False)
        for answer in nullable_values(turns, "response", str)
    ]
    return _asked(turns, ASKED_TURNS, answers)


def asked_prompts(prompts: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of ASKED_PROMPTS (but for `rules`) of prompts: delivery, example_id, image_ids, query, ground_truth,
    is_json."""
    read = zip(nullable_values(prompts, "ground_truth", str), nullable_values(prompts, "is_json", bool), strict=True)
    truths = [None if truth is None else truth_key(truth, is_json=bool(is_json)) for truth, is_json in read]
    return _asked(prompts, ASKED_PROMPTS, truths)


def _asked(rows: pa.RecordBatch, spec: TableSpec, answers: list[str | None]) -> pa.RecordBatch:
    schema = made_schema(spec)
    made: dict[str, AnyArray] = {
        "question_key": pa.array([question_key(query) for query in nullable_values(rows, "query", str)], pa.string()),
        "answer_key": pa.array(answers, pa.string()),
    }
    columns = {name: made[name] if name in made else column_of(rows, name) for name in schema.names}
    return pa.RecordBatch.from_pydict(columns, schema=schema)


def _by_image(prompts: DataFrame, sft: DataFrame, images: DataFrame, *, distance: int, colour: float) -> DataFrame:
    """Pairs of a prompt and an example of SFT that show the same image, or alike ones."""
    theirs, others = (_pictured(rows, images) for rows in (prompts, sft))
    facts = ["image_id", "hash", "colours"]
    names = {name: f"sft_{name}" for name in facts}
    key = F.explode(alike_keys(F.coalesce("hash", "image_id"), distance)).alias("key")
    asked, taught = (rows.select(*facts).distinct().select(*facts, key) for rows in (theirs, others))
    both = asked.join(taught.withColumnsRenamed(names), "key").dropDuplicates(["image_id", "sft_image_id"])
    alike = both.mapInArrow(partial(_alike, distance=distance, colour=colour), from_arrow_schema(_PAIR))
    names_of_sft = ("delivery", "sft_delivery"), ("example_id", "sft_example"), ("image_id", "sft_image")
    shows = others.select(*(F.col(name).alias(other) for name, other in names_of_sft))
    pairs = theirs.select(*_KEY, "image_id").join(alike, "image_id").join(shows, "sft_image")
    return pairs.select(*_KEY, "sft_delivery", "sft_example").distinct()


def _pictured(rows: DataFrame, images: DataFrame) -> DataFrame:
    """Each image of the rows with what its pixels are known by."""
    picture = F.explode("pictures").alias("picture")
    return pictures(rows, images).select(*_KEY, picture).select(*_KEY, "picture.*")


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
