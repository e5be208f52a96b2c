"""Judgements that contradict others about alike images, or in answer to a query in other words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from typing import Protocol

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from ops.core.arrow import AnyArray, column_of, column_values, is_valid, nullable_values, rows_where, with_column
from ops.core.arrow_types import fields, type_in
from ops.core.identity import digest
from ops.corpus.judgements import CHECKED, KEYS, sided
from ops.corpus.links import Links, few, key_of, keyed
from ops.corpus.pictures import Picture, alike_images, alike_keys, apart, pictures
from ops.corpus.tables import CorpusTables
from ops.corpus.vectors import cosines, text_id, with_vectors
from ops.text.soft_queries import fits_encoder, similarity, soft_query

_MOST_IN_BUCKET = 50
"""Subjects of either side of a bucket that are compared with each other."""
_EVIDENCE = ["image_key", "query_key", "query", "pictures", "witness"]
_SUBJECT = [*CHECKED, *_EVIDENCE, "is_yes"]
_PAIR = [*CHECKED, *(f"other_{name}" for name in CHECKED), "witness", "other_witness"]
_FIGURES = pa.schema([("hash_bits", pa.int32()), ("query_similarity", pa.float64()), ("query_cosine", pa.float64())])
"""How alike a pair is, by each way of looking at it."""
_READ = pa.schema([("pieces", pa.list_(pa.string())), ("asks", pa.string())])
"""What is read from a query: the pieces to look for, and a name of what it asks, null where it is too long for an
encoder."""
_Verify = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class SoftSettings(Protocol):
    """What of the settings decides which images are compared."""

    @property
    def hash_distance(self) -> int: ...


def _links(tables: CorpusTables, settings: SoftSettings) -> dict[str, DataFrame]:
    judged = tables["preferences"].withColumn("shown", F.get("image_ids", F.lit(0)))
    keys = key_of("images", "image_key", *_responses()), _first_image_key("shown")
    return {"preferences": keyed(judged, *keys).drop("shown")}


def _near(tables: CorpusTables, rows: Mapping[str, DataFrame], settings: SoftSettings) -> DataFrame:
    """Keys of judgements of the same responses to the same query about images that may be alike."""
    asked = rows["preferences"].withColumn("shown", F.get("image_ids", F.lit(0))).where("shown IS NOT NULL")
    pairs = few(alike_images(tables["images"], asked.select("shown"), distance=settings.hash_distance))
    return asked.join(pairs, "shown").select(_first_image_key("image_id").alias("key"))


def _responses() -> tuple[Column, Column]:
    """The response that is judged twice, or the two of a pair in either order."""
    is_pair = F.col("opponent_key").isNotNull() & F.col("label").isin("chosen", "rejected")
    against = F.when(is_pair, F.col("opponent_key"))
    return F.least("response_key", against), F.greatest("response_key", against)


def _first_image_key(image: str) -> Column:
    """The key of the same responses to the same query about an image that comes first."""
    return F.when(F.col(image).isNotNull(), key_of("first image", "query_key", image, *_responses()))


LINKS = Links("preferences", _links, near=_near)


def soft_contradictions(
    preferences: DataFrame,
    examples: DataFrame,
    images: DataFrame,
    embeddings: DataFrame,
    *,
    hash_distance: int,
    colour_distance: float,
    query_similarity: float,
    query_cosine: float,
) -> DataFrame:
    """Each judgement of a subject on whose side all agree, where all agree on the other side of the same responses
    about alike images (same query) or to an alike query (same images); columns of the audit."""
    judged = sided(preferences, "image_key", "query_key", "query").where("NOT is_identical")
    agreed = _agreed(judged)
    by_image = _opposed(agreed, ["query_key", "low_hash", "high_hash"])
    by_query = _opposed(agreed, ["image_key", "low_hash", "high_hash"])
    pictured = pictures(examples.where("kind = 'preference'"), images)
    pieces = by_query.withColumn("pictures", F.lit(None).cast(dict(pictured.dtypes)["pictures"]))
    read = pieces.mapInArrow(_read, _with_columns(pieces, _READ))
    routes = [
        _near_images(_with_pictures(by_image, pictured), distance=hash_distance, colour=colour_distance),
        _near_words(read, query_similarity),
        _near_meanings(read, embeddings, query_cosine),
    ]
    return _contradicted(judged, reduce(DataFrame.unionByName, routes))


def _agreed(judged: DataFrame) -> DataFrame:
    """Subjects with one side only, which one, and one judgement as a witness."""
    witness = F.struct(*(F.col(key) for key in reversed(KEYS)))
    return (
        judged.groupBy(*CHECKED)
        .agg(
            F.max("side").alias("is_yes"),
            F.min("side").alias("is_all_yes"),
            *(F.min(name).alias(name) for name in ("image_key", "query_key", "query")),
            F.min(witness).alias("witness"),
        )
        .where("is_yes = is_all_yes")
        .drop("is_all_yes")
    )


def _opposed(agreed: DataFrame, alike: list[str]) -> DataFrame:
    """The subjects among those alike in these columns of which some say yes and some no."""
    both = agreed.groupBy(*alike).agg(F.max("is_yes").alias("yes"), F.min("is_yes").alias("all_yes"))
    return agreed.join(both.where("yes AND NOT all_yes").select(*alike), alike, "left_semi")


def _with_pictures(subjects: DataFrame, pictured: DataFrame) -> DataFrame:
    place = [subjects["witness"][key] == pictured[key] for key in ("delivery", "example_id")]
    return subjects.join(pictured, place[0] & place[1]).select(*_SUBJECT, "first")


def _read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The subjects with what is read from their queries."""
    for batch in batches:
        texts = nullable_values(batch, "query", str)
        queries = [soft_query(text) for text in texts]
        asks = [
            digest(*query.asked, "", *query.marks) if fits_encoder(text) else None
            for text, query in zip(texts, queries, strict=True)
        ]
        pieces = pa.array([query.pieces for query in queries], type_in(_READ, "pieces"))
        yield with_column(with_column(batch, "pieces", pieces), "asks", pa.array(asks, type_in(_READ, "asks")))


def _near_images(subjects: DataFrame, *, distance: int, colour: float) -> DataFrame:
    """Pairs with the same query about images that are not the same, and the bits by which these differ."""

    def bits(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sides = (column_values(batch, name, list[Picture]) for name in ("pictures", "other_pictures"))
            pairs = zip(*sides, strict=True)
            bits_apart = [apart(picture, other, distance=distance, colour=colour) for picture, other in pairs]
            yield _kept(batch, "hash_bits", pa.array(bits_apart, pa.int32()))

    places = subjects.withColumn("alike", F.explode(alike_keys(F.col("first"), distance)))
    bucket = F.xxhash64(F.lit("images"), "query_key", "low_hash", "high_hash", "alike")
    pairs = _pairs(places, bucket).dropDuplicates(_PAIR).where("image_key != other_image_key")
    return _verified(pairs, bits, "hash_bits")


def _near_words(subjects: DataFrame, least: float) -> DataFrame:
    """Pairs about the same images whose queries share most of their words, and how much they share."""

    def shared(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pairs = zip(*(nullable_values(batch, name, str) for name in ("query", "other_query")), strict=True)
            shares = [similarity(soft_query(query), soft_query(other)) for query, other in pairs]
            alike = [round(share, 6) if share >= least else None for share in shares]
            yield _kept(batch, "query_similarity", pa.array(alike, pa.float64()))

    bucket = F.xxhash64(F.lit("query"), "image_key", "low_hash", "high_hash", "piece")
    pairs = _pairs(subjects.withColumn("piece", F.explode("pieces")), bucket).dropDuplicates(_PAIR)
    return _verified(pairs.where("query_key != other_query_key"), shared, "query_similarity")


def _near_meanings(subjects: DataFrame, embeddings: DataFrame, least: float) -> DataFrame:
    """Pairs about the same images whose queries ask for the same and lie near each other, and the cosine."""

    def near(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            nearness = cosines(column_of(batch, "vector"), column_of(batch, "other_vector"))
            yield _kept(batch, "query_cosine", pa.array(nearness, mask=~(nearness >= least)))

    short = subjects.where("asks IS NOT NULL").withColumn("text", text_id(F.col("query")))
    known = with_vectors(short, embeddings, modality="text", vector="text").where("vector IS NOT NULL")
    bucket = F.xxhash64(F.lit("meaning"), "image_key", "low_hash", "high_hash", "asks")
    return _verified(_pairs(known, bucket, "vector"), near, "query_cosine")


def _pairs(subjects: DataFrame, bucket: Column, *also: str) -> DataFrame:
    """Subjects of one bucket that stand on different sides; `also` names columns to keep of either."""
    place = F.row_number().over(Window.partitionBy("bucket", "is_yes").orderBy(*CHECKED))
    first = subjects.select(*_SUBJECT, *also, bucket.alias("bucket")).withColumn("place", place)
    first = first.where(F.col("place") <= _MOST_IN_BUCKET)
    names = [*CHECKED, *_EVIDENCE, *also]
    yes = first.where("is_yes").select("bucket", *names)
    no = first.where("NOT is_yes").select("bucket", *(F.col(name).alias(f"other_{name}") for name in names))
    return yes.join(no, "bucket").drop("bucket")


def _kept(batch: pa.RecordBatch, name: str, figures: AnyArray) -> pa.RecordBatch:
    """The pairs with their figure, those without one left out."""
    return rows_where(with_column(batch.select(_PAIR), name, figures), is_valid(figures))


def _verified(pairs: DataFrame, verify: _Verify, name: str) -> DataFrame:
    """The pairs that `verify` keeps, with its figure; null for what the other ways of looking at them give."""
    verified = pairs.mapInArrow(verify, _with_columns(pairs.select(*_PAIR), pa.schema(fields(_FIGURES, name))))
    others = from_arrow_schema(pa.schema(fields(_FIGURES, *(other for other in _FIGURES.names if other != name))))
    return verified.withColumns({field.name: F.lit(None).cast(field.dataType) for field in others})


def _contradicted(judged: DataFrame, pairs: DataFrame) -> DataFrame:
    """Each judgement of either subject of a pair, with the nearest that it contradicts."""
    # A pair that was found in two ways is one.
    distinct = pairs.groupBy(*_PAIR).agg(*(F.max(name).alias(name) for name in _FIGURES.names))
    first = distinct.select(*CHECKED, *_FIGURES.names, F.col("other_witness").alias("witness"))
    second = distinct.select(*(F.col(f"other_{name}").alias(name) for name in CHECKED), *_FIGURES.names, "witness")
    # A difference of images in bits, or one of queries as a share: the less of it, the nearer.
    far = F.least(F.col("hash_bits") / 64, 1 - F.col("query_similarity"), 1 - F.col("query_cosine")).alias("far")
    best = (
        first.unionByName(second)
        .groupBy(*CHECKED)
        .agg(
            F.count("*").alias("opposed"),
            F.min("hash_bits").alias("hash_bits"),
            F.max("query_similarity").alias("query_similarity"),
            F.max("query_cosine").alias("query_cosine"),
            F.min(F.struct(far, "witness")).alias("nearest"),
        )
    )
    is_pair = F.col("high_hash") != 0
    return judged.join(best, CHECKED).select(
        *KEYS,
        is_pair.alias("is_soft_flip"),
        (~is_pair).alias("is_soft_good_and_bad"),
        F.col("hash_bits").isNotNull().alias("by_image"),
        F.col("query_similarity").isNotNull().alias("by_query"),
        F.col("query_cosine").isNotNull().alias("by_meaning"),
        *_FIGURES.names,
        "opposed",
        F.least(F.round(1 - F.col("nearest.far"), 6), F.lit(1.0)).alias("nearness"),
        *(F.col(f"nearest.witness.{name}").alias(f"other_{name}") for name in ("delivery", "example_id")),
        F.col("nearest.witness.judgement_id").alias("other_judgement_id"),
    )


def _with_columns(frame: DataFrame, added: pa.Schema) -> StructType:
    return StructType([*frame.schema.fields, *from_arrow_schema(added).fields])
