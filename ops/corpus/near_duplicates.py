"""SFT examples that say nearly the same about the same images, and the one that each is nearly a copy of."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol, TypedDict

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import rows_of
from ops.core.arrow_types import fields
from ops.core.json_values import Cell
from ops.core.key_schemas import DIALOGUE_BANDS
from ops.core.stored import StoredExample
from ops.corpus.dialogue_bands import text_shingles
from ops.corpus.links import KEYS, Links, few
from ops.corpus.pictures import Picture, alike_images, apart, neighbours, pictures
from ops.corpus.redundant_pairs import OTHER, RANKS, chosen_pairs, undecided
from ops.corpus.staying import RANK, Rank, rank_of, redundant
from ops.corpus.tables import CorpusTables
from ops.text.shingles import jaccard

_KEY = ["delivery", "example_id"]
_SHINGLES = pa.schema([("delivery", pa.string()), ("example_id", pa.string()), ("shingles", pa.list_(pa.int64()))])
_ALIKE = pa.schema([*fields(RANKS), pa.field("jaccard", pa.float64()), pa.field("hash_bits", pa.int32())])
_PAIRS = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id", "other_delivery", "other_id")),
        ("jaccard", pa.float64()),
        ("hash_bits", pa.int32()),
    ]
)
_NEAREST = 20
"""Members of a bucket that each other member is compared with: those that would be kept first."""


class _Distance(Protocol):
    """What of the settings decides which images are compared."""

    @property
    def hash_distance(self) -> int: ...


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


def _links(tables: CorpusTables, settings: _Distance) -> dict[str, DataFrame]:
    key = F.transform("bands", lambda band: F.xxhash64(band, "first_image"))
    return {DIALOGUE_BANDS.name: tables[DIALOGUE_BANDS.name].withColumn(KEYS, key)}


def _near(tables: CorpusTables, rows: Mapping[str, DataFrame], settings: _Distance) -> DataFrame:
    """Keys of the examples that share a band about another image that may be alike."""
    banded = rows[DIALOGUE_BANDS.name]
    first_images = banded.select(F.col("first_image").alias("shown")).where("shown != ''")
    alike = few(alike_images(tables["images"], first_images, distance=settings.hash_distance))
    beside = banded.withColumnRenamed("first_image", "shown").join(alike, "shown")
    return beside.select(F.explode("bands").alias("band"), "image_id").select(
        F.xxhash64("band", "image_id").alias("key")
    )


# An example goes only where one that it is alike to stays, which hangs on those that this one is alike to, and so on.
LINKS = Links(DIALOGUE_BANDS.name, _links, near=_near, passes_on=True)


def near_duplicates(
    bands: DataFrame,
    examples: DataFrame,
    images: DataFrame,
    arrivals: DataFrame,
    *,
    settled: DataFrame | None = None,
    threshold: float,
    words: int,
    distance: int,
    colour: float,
) -> DataFrame:
    """Each example that shows images alike to those of one that stays, and whose text has at least `threshold` of its
    shingles in common with it.

    Members are compared with the member that stays, never through a third: an example that is near to a near copy only
    stays itself. Which stays is decided as for exact duplicates. Exact copies are left to that audit. `bands` has rows
    of DIALOGUE_BANDS. Those of `settled` (ops/corpus/links.py) are only compared
    with, and get no row.
    """
    first = Window.partitionBy("dialogue_key").orderBy(*RANK)
    ranked = bands.join(F.broadcast(arrivals), "delivery").withColumn("copy", F.row_number().over(first))
    hashes = images.select(F.col("image_id").alias("first_image"), F.col("perceptual_hash").alias("hash"))
    alone = ranked.where("copy = 1").join(hashes, "first_image", "left")
    alone = alone.select(*RANK, "bands", F.coalesce("hash", "first_image").alias("first"))
    pairs = undecided(_pairs(alone, distance), settled).localCheckpoint()
    both = _beside(pairs, _compared(pairs, examples, images, words))
    verify = partial(_verified, threshold=threshold, distance=distance, colour=colour)
    alike = both.mapInArrow(verify, from_arrow_schema(_ALIKE)).localCheckpoint()
    return chosen_pairs(alike, _chosen, _PAIRS)


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
    earlier = F.struct(*OTHER) < F.struct(*RANK)
    return both.where(earlier).select(*RANK, *OTHER).distinct()


def _compared(pairs: DataFrame, examples: DataFrame, images: DataFrame, words: int) -> DataFrame:
    """What is compared of the examples of the pairs: the shingles of their texts, and their pictures."""
    others = pairs.select(*(F.col(f"other_{name}").alias(name) for name in _KEY))
    read = examples.join(few(pairs.select(*_KEY).union(others).distinct()), _KEY, "left_semi")
    texts = read.select(*_KEY, "messages").mapInArrow(partial(_shingled, words=words), from_arrow_schema(_SHINGLES))
    return texts.join(pictures(read, images).select(*_KEY, "pictures"), _KEY, "left")


def _shingled(batches: Iterable[pa.RecordBatch], *, words: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        read = rows_of(batch, StoredExample)
        columns = {
            "delivery": [row["delivery"] for row in read],
            "example_id": [row["example_id"] for row in read],
            "shingles": [text_shingles(row["messages"] or (), words).tolist() for row in read],
        }
        yield pa.RecordBatch.from_pydict(columns, schema=_SHINGLES)


def _beside(pairs: DataFrame, compared: DataFrame) -> DataFrame:
    """The pairs with what is compared of both."""
    compared = compared.localCheckpoint()
    other = compared.select(*(F.col(name).alias(f"other_{name}") for name in compared.columns))
    return pairs.join(compared, _KEY).join(other, [f"other_{name}" for name in _KEY])


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
                alike.append({**dict(zip(RANKS.names, ranks, strict=True)), "jaccard": share, "hash_bits": bits})
        yield pa.RecordBatch.from_pylist(alike, schema=_ALIKE)


def _chosen(group: pa.Table) -> pa.Table:
    """Of alike pairs that hang together: each redundant example with the staying one it is most like."""
    near: dict[Rank, list[tuple[float, int, Rank]]] = {}
    for row in rows_of(group, _Near):
        near.setdefault(rank_of(row), []).append((-row["jaccard"], row["hash_bits"], rank_of(row, "other_")))
    pairs = redundant(near).items()
    rows = [(one[3], one[2], other[3], other[2], -least, bits) for one, (least, bits, other) in pairs]
    return pa.Table.from_pylist([dict(zip(_PAIRS.names, row, strict=True)) for row in rows], schema=_PAIRS)
