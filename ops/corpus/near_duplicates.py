"""SFT examples that say nearly the same about the same images, and the one that each is nearly a copy of."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TypedDict

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import column_of, rows_of, with_column
from ops.core.arrow_types import fields, type_in
from ops.core.canonical import response_key
from ops.core.identity import digest
from ops.core.json_values import Cell
from ops.core.stored import RankedExample
from ops.core.turns import message_text
from ops.corpus.components import with_components
from ops.corpus.groups import by_group
from ops.corpus.pictures import Picture, apart, neighbours, pictures
from ops.corpus.staying import RANK, Rank, rank_of, redundant
from ops.text.likeness import SHORT_WORDS
from ops.text.shingles import bands, jaccard, shingles
from ops.text.turn_rows import dialogue_key

_KEY = ["delivery", "example_id"]
_READ = ("delivery", "example_id", "arrival", "messages", "image_ids", "repairs", "first", "pictures")
_TEXTS = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id")),
        *((name, pa.int32()) for name in ("arrival", "repairs")),
        *((name, pa.string()) for name in ("dialogue_key", "first")),
        ("bands", pa.list_(pa.string())),
        ("shingles", pa.list_(pa.int64())),
    ]
)
_PICTURE = pa.struct(
    [
        ("at", pa.int32()),
        *((name, pa.string()) for name in ("image_id", "hash")),
        ("colours", pa.binary()),
    ]
)
_TEXTS_AND_PICTURES = pa.schema([*fields(_TEXTS), pa.field("pictures", pa.list_(_PICTURE))])
_RANKS = pa.schema([pa.field(f"{side}{name}", type_in(_TEXTS, name)) for side in ("", "other_") for name in RANK])
_ALIKE = pa.schema([*fields(_RANKS), pa.field("jaccard", pa.float64()), pa.field("hash_bits", pa.int32())])
_PAIRS = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id", "other_delivery", "other_id")),
        ("jaccard", pa.float64()),
        ("hash_bits", pa.int32()),
    ]
)
_NEAREST = 20
"""Members of a bucket that each other member is compared with: those that would be kept first."""


class _Example(RankedExample):
    """_READ, but for the pictures."""

    first: str | None


class _Pair(TypedDict):
    """A pair to verify: the ranks of both, and what is compared."""

    shingles: list[int]
    other_shingles: list[int]
    pictures: list[Picture] | None
    other_pictures: list[Picture] | None


class _Near(TypedDict):
    """_ALIKE, the ranks of both left out."""

    jaccard: float
    hash_bits: int


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
    texts = sft.join(pictures(sft, images), _KEY, "left").join(F.broadcast(arrivals), "delivery").select(*_READ)
    texts = texts.mapInArrow(partial(_texts, words=words), from_arrow_schema(_TEXTS_AND_PICTURES))
    first = Window.partitionBy("dialogue_key").orderBy(*RANK)
    alone = texts.withColumn("copy", F.row_number().over(first)).where("copy = 1").drop("copy", "dialogue_key")
    compared = (*RANK, "shingles", "pictures")
    other = alone.select(*(F.col(name).alias(f"other_{name}") for name in compared))
    pairs = _pairs(alone, distance).join(alone.select(*compared), list(RANK))
    both = pairs.join(other, [f"other_{name}" for name in RANK])
    verify = partial(_verified, threshold=threshold, distance=distance, colour=colour)
    alike = both.mapInArrow(verify, from_arrow_schema(_ALIKE)).localCheckpoint()
    ends = {end: F.xxhash64(*(f"{side}{name}" for name in _KEY)) for end, side in (("one", ""), ("two", "other_"))}
    together = with_components(alike.withColumns(ends), "one", "two").groupBy("component")
    chosen = by_group(together, _chosen, _PAIRS)
    return chosen.withColumn("same_delivery", F.col("delivery") == F.col("other_delivery"))


def _pairs(alone: DataFrame, distance: int) -> DataFrame:
    """Each two examples (RANK of both) to compare: those that share a band of their texts and short answers, about the
    same first image or alike ones; of all about one image with the band those that would be kept first."""
    place = ["band", "first"]
    members = alone.select(*RANK, "first", F.explode("bands").alias("band"))
    members = members.withColumn("place", F.row_number().over(Window.partitionBy(*place).orderBy(*RANK)))
    named = {name: f"other_{name}" for name in RANK}
    firsts = members.where(F.col("place") <= _NEAREST).select(*place, *RANK).withColumnsRenamed(named)
    alike = neighbours(alone.select(F.col("first").alias("hash")), distance=distance)
    beside = members.join(alike, members["first"] == alike["hash"]).select(*RANK, "band", F.col("other").alias("first"))
    both = members.select(*RANK, *place).unionByName(beside).join(firsts, place)
    earlier = F.struct(*named.values()) < F.struct(*RANK)
    return both.where(earlier).select(*RANK, *named.values()).distinct()


def _texts(batches: Iterable[pa.RecordBatch], *, words: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = pa.RecordBatch.from_pylist([_text(row, words) for row in rows_of(batch, _Example)], schema=_TEXTS)
        yield with_column(rows, "pictures", column_of(batch, "pictures"))


def _text(row: _Example, words: int) -> dict[str, Cell]:
    messages = row["messages"] or []
    role_texts = [(message["role"], message_text(message)) for message in messages]
    short = [
        response_key(text) for role, text in role_texts if role == "assistant" and len(text.split()) <= SHORT_WORDS
    ]
    hashes = shingles("\n".join(text for _, text in role_texts), words)
    alike = digest(str(len(row["image_ids"] or ())), *short)
    return {
        "delivery": row["delivery"],
        "example_id": row["example_id"],
        "arrival": row["arrival"],
        "repairs": len(row["repairs"] or ()),
        "dialogue_key": dialogue_key(row["image_ids"], messages),
        "first": row["first"] or "",
        "bands": [digest(alike, str(at), band) for at, band in enumerate(bands(hashes))],
        "shingles": hashes.tolist(),
    }


def _verified(
    batches: Iterable[pa.RecordBatch], *, threshold: float, distance: int, colour: float
) -> Iterator[pa.RecordBatch]:
    """Those of the pairs that are alike indeed, and how much."""
    for batch in batches:
        alike: list[dict[str, Cell]] = []
        for row in rows_of(batch, _Pair):
            share = jaccard(row["shingles"], row["other_shingles"])
            if share < threshold:
                continue
            bits = apart(row["pictures"] or (), row["other_pictures"] or (), distance=distance, colour=colour)
            if bits is not None:
                ranks = [*rank_of(row), *rank_of(row, "other_")]
                alike.append({**dict(zip(_RANKS.names, ranks, strict=True)), "jaccard": share, "hash_bits": bits})
        yield pa.RecordBatch.from_pylist(alike, schema=_ALIKE)


def _chosen(group: pa.Table) -> pa.Table:
    """Of alike pairs that hang together: each redundant example with the staying one it is most like."""
    near: dict[Rank, list[tuple[float, int, Rank]]] = {}
    for row in rows_of(group, _Near):
        near.setdefault(rank_of(row), []).append((-row["jaccard"], row["hash_bits"], rank_of(row, "other_")))
    pairs = redundant(near).items()
    rows = [(one[3], one[2], other[3], other[2], -least, bits) for one, (least, bits, other) in pairs]
    return pa.Table.from_pylist([dict(zip(_PAIRS.names, row, strict=True)) for row in rows], schema=_PAIRS)
