"""Judgements that contradict others about alike images, or in answer to a query in other words."""

from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.judgements import CHECKED, KEYS, sided
from ops.corpus.pictures import apart, pictures
from ops.soft_queries import similarity, soft_query

_MOST_IN_BUCKET = 50
"""Subjects of either side of a bucket that are compared with each other."""
_EVIDENCE = ["image_key", "query_key", "query", "pictures", "witness"]
_SUBJECT = [*CHECKED, *_EVIDENCE, "is_yes"]
_ROUTES = pa.schema([("is_alike", pa.bool_()), ("hash_bits", pa.int32()), ("query_similarity", pa.float64())])
_ROUTES_DDL = "is_alike boolean, hash_bits int, query_similarity double"


def soft_contradictions(
    preferences: DataFrame,
    examples: DataFrame,
    images: DataFrame,
    *,
    hash_distance: int,
    colour_distance: float,
    query_similarity: float,
) -> DataFrame:
    """Each judgement of a subject on whose side all agree, where all agree on the other side of the same responses
    about alike images (same query) or to an alike query (same images); columns of the audit."""
    judged = sided(preferences, "image_key", "query_key", "query").where("NOT is_identical")
    agreed = _agreed(judged)
    by_image = _opposed(agreed, ["query_key", "low_hash", "high_hash"])
    by_query = _opposed(agreed, ["image_key", "low_hash", "high_hash"])
    shown = pictures(examples.where("kind = 'preference'"), images, distance=hash_distance)
    near = _pairs(_with_pictures(by_image, shown), _image_bucket()).where("image_key != other_image_key")
    pieces = by_query.withColumn("pictures", F.lit(None).cast(dict(shown.dtypes)["pictures"]))
    read = pieces.mapInArrow(_pieces, _ddl(pieces, "pieces array<string>"))
    alike = _pairs(read.withColumn("piece", F.explode("pieces")), _query_bucket())
    verify = partial(_verified, distance=hash_distance, colour=colour_distance, least=query_similarity)
    pairs = near.unionByName(alike.where("query_key != other_query_key"))
    return _told(judged, pairs.mapInArrow(verify, _ddl(pairs, _ROUTES_DDL)).where("is_alike"))


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


def _with_pictures(subjects: DataFrame, shown: DataFrame) -> DataFrame:
    place = [subjects["witness"][key] == shown[key] for key in ("delivery", "example_id")]
    return subjects.join(shown, place[0] & place[1]).select(*_SUBJECT)


def _image_bucket() -> Column:
    groups = F.array_join(F.transform("pictures", lambda picture: picture["group"]), "|")
    return F.xxhash64(F.lit("images"), "query_key", "low_hash", "high_hash", groups)


def _query_bucket() -> Column:
    return F.xxhash64(F.lit("query"), "image_key", "low_hash", "high_hash", "piece")


def _pairs(subjects: DataFrame, bucket: Column) -> DataFrame:
    """Subjects of one bucket that stand on different sides."""
    place = F.row_number().over(Window.partitionBy("bucket", "is_yes").orderBy(*CHECKED))
    first = subjects.select(*_SUBJECT, bucket.alias("bucket")).withColumn("place", place)
    first = first.where(F.col("place") <= _MOST_IN_BUCKET)
    names = [*CHECKED, *_EVIDENCE]
    yes = first.where("is_yes").select("bucket", *names)
    no = first.where("NOT is_yes").select("bucket", *(F.col(name).alias(f"other_{name}") for name in names))
    return yes.join(no, "bucket").drop("bucket").dropDuplicates([*CHECKED, *(f"other_{name}" for name in CHECKED)])


def _pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        pieces = [soft_query(text).pieces for text in batch.column("query").to_pylist()]
        yield batch.append_column("pieces", pa.array(pieces, pa.list_(pa.string())))


def _verified(
    batches: Iterable[pa.RecordBatch], *, distance: int, colour: float, least: float
) -> Iterator[pa.RecordBatch]:
    """The pairs with how alike their images or their queries are, and whether that is enough."""
    compared = ["image_key", "query", "pictures", "other_image_key", "other_query", "other_pictures"]
    for batch in batches:
        found = []
        for row in batch.select(compared).to_pylist():
            bits, words = None, None
            if row["image_key"] == row["other_image_key"]:
                words = round(similarity(soft_query(row["query"]), soft_query(row["other_query"])), 6)
            else:
                bits = apart(row["pictures"], row["other_pictures"], distance=distance, colour=colour)
            is_alike = bits is not None or (words or 0) >= least
            found.append({"is_alike": is_alike, "hash_bits": bits, "query_similarity": words})
        told = pa.RecordBatch.from_pylist(found, schema=_ROUTES)
        names = [*batch.schema.names, *_ROUTES.names]
        yield pa.RecordBatch.from_arrays([*batch.columns, *told.columns], names=names)


def _told(judged: DataFrame, pairs: DataFrame) -> DataFrame:
    """Each judgement of either subject of a pair, with the nearest that it contradicts."""
    said = ["hash_bits", "query_similarity"]
    one = pairs.select(*CHECKED, *said, F.col("other_witness").alias("witness"))
    other = pairs.select(*(F.col(f"other_{name}").alias(name) for name in CHECKED), *said, "witness")
    # A difference of images in bits, or one of queries as a share: the less of it, the nearer.
    far = F.coalesce(F.col("hash_bits") / 64, 1 - F.col("query_similarity")).alias("far")
    best = (
        one.unionByName(other)
        .groupBy(*CHECKED)
        .agg(
            F.count("*").alias("opposed"),
            F.min("hash_bits").alias("hash_bits"),
            F.max("query_similarity").alias("query_similarity"),
            F.min(F.struct(far, "witness"))["witness"].alias("witness"),
        )
    )
    is_pair = F.col("high_hash") != 0
    return judged.join(best, CHECKED).select(
        *KEYS,
        is_pair.alias("is_soft_flip"),
        (~is_pair).alias("is_soft_good_and_bad"),
        F.col("hash_bits").isNotNull().alias("by_image"),
        F.col("query_similarity").isNotNull().alias("by_query"),
        "hash_bits",
        "query_similarity",
        "opposed",
        F.col("witness.delivery").alias("other_delivery"),
        F.col("witness.example_id").alias("other_example_id"),
        F.col("witness.judgement_id").alias("other_judgement_id"),
    )


def _ddl(frame: DataFrame, more: str) -> str:
    return ", ".join([*(f"`{name}` {kind}" for name, kind in frame.dtypes), more])
