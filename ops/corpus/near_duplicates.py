"""SFT examples that say nearly the same about the same images, and the one that each is nearly a copy of."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from ops.canonical import image_key, response_key
from ops.corpus.turns import dialogue_key, message_text
from ops.identity import digest
from ops.shingles import bands, jaccard, shingles

_READ = ("delivery", "example_id", "messages", "image_ids", "repairs")
_TEXTS_DDL = (
    "delivery string, example_id string, repairs int, dialogue_key string, image_key string, bands array<string>, "
    "shingles array<bigint>"
)
_PAIRS_DDL = "delivery string, example_id string, other_delivery string, other_id string, jaccard double"
_SHORT = 3
"""Answers of at most so many words must be equal: "yes" and "no" in a long conversation are a small difference that
changes everything."""
_NEAREST = 20
"""Members of a bucket that each other member is compared with: those that would be kept first."""
_RANK = ("repairs", "example_id", "delivery")


def near_duplicates(examples: DataFrame, *, threshold: float, words: int) -> DataFrame:
    """Each example whose text has at least `threshold` of its shingles in common with one that stays.

    Members are compared with the member that stays, never through a third: an example that is near to a near copy only
    stays itself. Which stays is decided as for exact duplicates. Exact copies are left to that audit.
    """
    sft = examples.where(F.col("kind") == "sft").select(*_READ)
    texts = sft.mapInArrow(partial(_texts, words=words), _TEXTS_DDL)
    first = Window.partitionBy("dialogue_key").orderBy(*_RANK)
    alone = texts.withColumn("copy", F.row_number().over(first)).where("copy = 1").drop("copy", "dialogue_key")
    bucket = Window.partitionBy("band").orderBy(*_RANK)
    members = (
        alone.select(*_RANK, F.explode("bands").alias("band"))
        .withColumn("place", F.row_number().over(bucket))
        .withColumn("size", F.count("*").over(Window.partitionBy("band")))
        .where("size > 1")
    )
    firsts = members.where(F.col("place") <= _NEAREST).select(
        "band", F.col("place").alias("other_place"), *(F.col(name).alias(f"other_{name}") for name in _RANK)
    )
    pairs = members.join(firsts, "band").where("other_place < place")
    ids = pairs.select("delivery", "example_id", "other_delivery", "other_example_id").distinct()
    other = alone.select(
        F.col("delivery").alias("other_delivery"),
        F.col("example_id").alias("other_example_id"),
        F.col("repairs").alias("other_repairs"),
        F.col("shingles").alias("other_shingles"),
    )
    both = ids.join(alone.drop("bands"), ["delivery", "example_id"]).join(other, ["other_delivery", "other_example_id"])

    def choose(group: pa.Table) -> pa.Table:
        return _chosen(group, threshold=threshold)

    chosen = both.groupBy("image_key").applyInArrow(choose, _PAIRS_DDL)
    return chosen.withColumn("same_delivery", F.col("delivery") == F.col("other_delivery"))


def _texts(batches: Iterable[pa.RecordBatch], *, words: int) -> Iterator[pa.RecordBatch]:
    schema = pa.schema(
        [
            ("delivery", pa.string()),
            ("example_id", pa.string()),
            ("repairs", pa.int32()),
            ("dialogue_key", pa.string()),
            ("image_key", pa.string()),
            ("bands", pa.list_(pa.string())),
            ("shingles", pa.list_(pa.int64())),
        ]
    )
    for batch in batches:
        yield pa.RecordBatch.from_pylist([_text(row, words) for row in batch.to_pylist()], schema=schema)


def _text(row: dict[str, Any], words: int) -> dict[str, Any]:
    messages = row["messages"] or []
    said = [(message["role"], message_text(message)) for message in messages]
    short = [response_key(text) for role, text in said if role == "assistant" and len(text.split()) <= _SHORT]
    images = image_key(row["image_ids"])
    found = shingles("\n".join(text for _, text in said), words)
    alike = digest(images, *short)
    return {
        "delivery": row["delivery"],
        "example_id": row["example_id"],
        "repairs": len(row["repairs"] or ()),
        "dialogue_key": dialogue_key(row["image_ids"], messages),
        "image_key": images,
        "bands": [digest(alike, str(at), band) for at, band in enumerate(bands(found))],
        "shingles": found.tolist(),
    }


def _chosen(group: pa.Table, *, threshold: float) -> pa.Table:
    """Of the pairs about one set of images: each redundant example with the staying one it is most like."""
    near: dict[tuple[Any, ...], list[tuple[float, tuple[Any, ...]]]] = {}
    for row in group.to_pylist():
        alike = jaccard(row["shingles"], row["other_shingles"])
        if alike >= threshold:
            one = tuple(row[name] for name in _RANK)
            near.setdefault(one, []).append((alike, tuple(row[f"other_{name}"] for name in _RANK)))
    redundant: dict[tuple[Any, ...], tuple[float, tuple[Any, ...]]] = {}
    for one in sorted(near):
        staying = [(-alike, other) for alike, other in near[one] if other not in redundant]
        if staying:
            least, other = min(staying)
            redundant[one] = -least, other
    rows = [
        {"delivery": one[2], "example_id": one[1], "other_delivery": other[2], "other_id": other[1], "jaccard": alike}
        for one, (alike, other) in redundant.items()
    ]
    names = ("delivery", "example_id", "other_delivery", "other_id")
    schema = pa.schema([*((name, pa.string()) for name in names), ("jaccard", pa.float64())])
    return pa.Table.from_pylist(rows, schema=schema)
