"""SFT examples that say nearly the same about the same images, and the one that each is nearly a copy of."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.canonical import image_key, response_key
from ops.core.identity import digest
from ops.core.turns import message_text
from ops.corpus.pictures import apart, pictures
from ops.corpus.staying import RANK, Rank, redundant
from ops.corpus.turns import dialogue_key
from ops.text.likeness import SHORT_WORDS
from ops.text.shingles import bands, jaccard, shingles

_KEY = ["delivery", "example_id"]
_READ = ("delivery", "example_id", "arrival", "messages", "image_ids", "repairs", "pictures")
_TEXTS = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id")),
        *((name, pa.int32()) for name in ("arrival", "repairs")),
        *((name, pa.string()) for name in ("dialogue_key", "image_key")),
        ("bands", pa.list_(pa.string())),
        ("shingles", pa.list_(pa.int64())),
    ]
)
_PICTURE = pa.struct(
    [
        ("at", pa.int32()),
        *((name, pa.string()) for name in ("image_id", "group", "hash")),
        ("colours", pa.binary()),
    ]
)
_TEXTS_AND_PICTURES = _TEXTS.append(pa.field("pictures", pa.list_(_PICTURE)))
_PAIRS = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id", "other_delivery", "other_id")),
        ("jaccard", pa.float64()),
        ("hash_bits", pa.int32()),
    ]
)
_NEAREST = 20
"""Members of a bucket that each other member is compared with: those that would be kept first."""


def near_duplicates(
    examples: DataFrame,
    images: DataFrame,
    arrivals: DataFrame,
    *,
    threshold: float,
    words: int,
    distance: int,
    colour: float,
) -> DataFrame:
    """Each example that shows images alike to those of one that stays, and whose text has at least `threshold` of its
    shingles in common with it.

    Members are compared with the member that stays, never through a third: an example that is near to a near copy only
    stays itself. Which stays is decided as for exact duplicates. Exact copies are left to that audit.
    """
    sft = examples.where(F.col("kind") == "sft")
    pictured = pictures(sft, images, distance=distance)
    texts = sft.join(pictured, _KEY, "left").join(F.broadcast(arrivals), "delivery").select(*_READ)
    texts = texts.mapInArrow(partial(_texts, words=words), from_arrow_schema(_TEXTS_AND_PICTURES))
    first = Window.partitionBy("dialogue_key").orderBy(*RANK)
    alone = texts.withColumn("copy", F.row_number().over(first)).where("copy = 1").drop("copy", "dialogue_key")
    bucket = Window.partitionBy("band").orderBy(*RANK)
    members = (
        alone.select(*RANK, F.explode("bands").alias("band"))
        .withColumn("place", F.row_number().over(bucket))
        .withColumn("size", F.count("*").over(Window.partitionBy("band")))
        .where("size > 1")
    )
    firsts = members.where(F.col("place") <= _NEAREST).select(
        "band", F.col("place").alias("other_place"), *(F.col(name).alias(f"other_{name}") for name in RANK)
    )
    pairs = members.join(firsts, "band").where("other_place < place")
    ids = pairs.select(*_KEY, *(f"other_{name}" for name in _KEY)).distinct()
    compared = (*RANK, "shingles", "pictures")
    other = alone.select(*(F.col(name).alias(f"other_{name}") for name in compared))
    both = ids.join(alone.drop("bands"), _KEY).join(other, [f"other_{name}" for name in _KEY])

    def choose(group: pa.Table) -> pa.Table:
        return _chosen(group, threshold=threshold, distance=distance, colour=colour)

    chosen = both.groupBy("image_key").applyInArrow(choose, from_arrow_schema(_PAIRS))
    return chosen.withColumn("same_delivery", F.col("delivery") == F.col("other_delivery"))


def _texts(batches: Iterable[pa.RecordBatch], *, words: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = pa.RecordBatch.from_pylist([_text(row, words) for row in batch.to_pylist()], schema=_TEXTS)
        yield rows.append_column("pictures", batch.column("pictures"))


def _text(row: dict[str, Any], words: int) -> dict[str, Any]:
    messages = row["messages"] or []
    role_texts = [(message["role"], message_text(message)) for message in messages]
    short = [
        response_key(text) for role, text in role_texts if role == "assistant" and len(text.split()) <= SHORT_WORDS
    ]
    images = image_key([picture["group"] for picture in row["pictures"] or ()])
    hashes = shingles("\n".join(text for _, text in role_texts), words)
    alike = digest(images, *short)
    return {
        "delivery": row["delivery"],
        "example_id": row["example_id"],
        "arrival": row["arrival"],
        "repairs": len(row["repairs"] or ()),
        "dialogue_key": dialogue_key(row["image_ids"], messages),
        "image_key": images,
        "bands": [digest(alike, str(at), band) for at, band in enumerate(bands(hashes))],
        "shingles": hashes.tolist(),
    }


def _chosen(group: pa.Table, *, threshold: float, distance: int, colour: float) -> pa.Table:
    """Of the pairs about one group of images: each redundant example with the staying one it is most like."""
    near: dict[Rank, list[tuple[float, int, Rank]]] = {}
    for row in group.to_pylist():
        alike = jaccard(row["shingles"], row["other_shingles"])
        if alike < threshold:
            continue
        bits = apart(row["pictures"] or (), row["other_pictures"] or (), distance=distance, colour=colour)
        if bits is not None:
            one = tuple(row[name] for name in RANK)
            near.setdefault(one, []).append((-alike, bits, tuple(row[f"other_{name}"] for name in RANK)))
    pairs = redundant(near).items()
    rows = [(one[3], one[2], other[3], other[2], -least, bits) for one, (least, bits, other) in pairs]
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(_PAIRS)
    return pa.table([pa.array(column, kind.type) for column, kind in zip(columns, _PAIRS, strict=True)], schema=_PAIRS)
