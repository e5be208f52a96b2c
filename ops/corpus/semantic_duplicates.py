"""SFT examples that mean the same about the same picture, by the encoder's vectors: clustered, then compared."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

from ops.core.identity import digest, text_id
from ops.core.spherical import centres, nearest
from ops.core.turns import message_text
from ops.core.vectors import unit
from ops.corpus.staying import RANK, Rank, redundant
from ops.corpus.turns import dialogue_key
from ops.corpus.vectors import matrix, with_vectors
from ops.text.likeness import (
    MOST_PIECES,
    bits_apart,
    deciding,
    is_compared,
    pieces,
    points_sideways,
    same_order,
    text_cosines,
)
from ops.text.shingles import jaccard, shingles
from ops.vision.colours import FACT_BYTES
from ops.vision.image_groups import colour_apart

_KEY = ["delivery", "example_id"]
_READ = ("delivery", "example_id", "content_id", "arrival", "messages", "image_ids", "repairs")
_ROUNDS = 10
_SAMPLE = 20_000
"""Examples at most that clusters are fitted on, and held on the driver: about 160 MB for vectors of 512."""
_SAMPLED_EACH = 20
_SHINGLE = 3  # words, as near duplicates have them
_MOST_CLUSTERS = 1024
_TOLD = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id", "content_id")),
        *((name, pa.int32()) for name in ("arrival", "repairs")),
        *((name, pa.string()) for name in ("dialogue_key", "decides")),
        ("sideways", pa.bool_()),
        ("texts", pa.list_(pa.string())),
        ("image_ids", pa.list_(pa.string())),
        ("pieces", pa.list_(pa.struct([("slot", pa.int32()), ("at", pa.int32()), ("content_id", pa.string())]))),
    ]
)
_PAIRS = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id", "other_delivery", "other_id")),
        *((name, pa.float64()) for name in ("image_cosine", "text_cosine")),
        ("hash_bits", pa.int32()),
        ("jaccard", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Cuts:
    """From what cosines pictures and texts are alike, and what verifies it: the most bits of 64 and the largest share
    of the pixels by which the pictures may differ."""

    image: float
    text: float
    bits: int
    colour: float
    most: int
    """Members of a group that are compared with each other."""


def semantic_duplicates(
    examples: DataFrame,
    images: DataFrame,
    arrivals: DataFrame,
    embeddings: DataFrame,
    *,
    cuts: Cuts,
    cluster_examples: int,
) -> DataFrame:
    """Each example whose pictures and texts are all alike to those of one that stays (columns of the audit).

    Clusters are fitted on a sample of examples by the hash of what they say and show, `cluster_examples` to a cluster
    on average; the driver holds the sample and the centres.
    """
    sft = examples.where("kind = 'sft' AND size(image_ids) > 0").join(F.broadcast(arrivals), "delivery").select(*_READ)
    first = Window.partitionBy("dialogue_key").orderBy(*RANK)
    texts = sft.mapInArrow(_told, from_arrow_schema(_TOLD))
    alone = texts.withColumn("copy", F.row_number().over(first)).where("copy = 1").drop("copy")
    count = min(_MOST_CLUSTERS, -(-sft.count() // cluster_examples))
    found = np.zeros((0, 0))
    if count > 1:
        drawn = sft.orderBy("content_id").limit(min(_SAMPLE, _SAMPLED_EACH * count))
        drawn_texts = drawn.mapInArrow(_told, from_arrow_schema(_TOLD))
        sample = _pictured(drawn_texts, images, embeddings).orderBy("dialogue_key", "content_id").toArrow()
        pictured = _whole(sample)
        found = centres(pictured, pictured[:count], rounds=_ROUNDS)
    whole = _pictured(alone, images, embeddings)
    added = [StructField("cluster", IntegerType()), StructField("nearness", DoubleType())]
    grouped = whole.mapInArrow(partial(_clustered, found=found), StructType([*whole.schema.fields, *added]))
    group = Window.partitionBy("cluster", "decides")
    members = (
        grouped.withColumn("place", F.row_number().over(group.orderBy("nearness", "dialogue_key")) - 1)
        .withColumn("part", F.floor(F.col("place") / cuts.most))
        .withColumn("size", F.count("*").over(Window.partitionBy("cluster", "decides", "part")))
        .where("size > 1")
    )

    def choose(group: pa.Table) -> pa.Table:
        return _chosen(group, cuts=cuts)

    chosen = members.groupBy("cluster", "decides", "part").applyInArrow(choose, from_arrow_schema(_PAIRS))
    return chosen.withColumn("same_delivery", F.col("delivery") == F.col("other_delivery"))


def _pictured(told: DataFrame, images: DataFrame, embeddings: DataFrame) -> DataFrame:
    """The examples whose pictures and pieces of text are all embedded, with `shown` and `said`: their vectors, in
    order, those of pictures with what verifies them."""
    facts = images.select("image_id", F.col("perceptual_hash").alias("hash"), "colours")
    pictures = with_vectors(
        told.select(*_KEY, F.posexplode("image_ids").alias("at", "image_id")),
        embeddings,
        modality="image",
        vector="image_id",
    ).join(facts, "image_id", "left")
    shown = _listed(pictures, "shown", "at", "image_id", "vector", "hash", "colours")
    parts = told.select(*_KEY, F.explode("pieces").alias("piece")).select(*_KEY, "piece.*")
    said = _listed(
        with_vectors(parts, embeddings, modality="text", vector="content_id"), "said", "slot", "at", "vector"
    )
    both = told.join(shown, _KEY).join(said, _KEY, "left")
    are_all = "size(shown) = size(image_ids) AND coalesce(size(said), 0) = size(pieces)"
    return both.where(are_all).drop("image_ids", "pieces")


def _listed(frame: DataFrame, name: str, *columns: str) -> DataFrame:
    known = frame.where("vector IS NOT NULL")
    return known.groupBy(*_KEY).agg(F.array_sort(F.collect_list(F.struct(*columns))).alias(name))


def _told(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What each example says, where no message is too long to be compared."""
    for batch in batches:
        rows = [row for example in batch.to_pylist() if (row := _read(example)) is not None]
        yield pa.RecordBatch.from_pylist(rows, schema=_TOLD)


def _read(example: dict[str, Any]) -> dict[str, Any] | None:
    messages = example["messages"] or ()
    said = [(message["role"], message_text(message)) for message in messages]
    texts = [text for role, text in said if is_compared(role, text)]
    found = [pieces(text) for text in texts]
    if any(len(parts) > MOST_PIECES for parts in found):
        return None
    decides = [str(len(example["image_ids"])), *(digest(*deciding(role, text)) for role, text in said)]
    return {
        **{name: example[name] for name in ("delivery", "example_id", "content_id", "arrival", "image_ids")},
        "repairs": len(example["repairs"] or ()),
        "dialogue_key": dialogue_key(example["image_ids"], messages),
        "decides": digest(*decides),
        "sideways": any(points_sideways(text) for text in texts),
        "texts": texts,
        "pieces": [
            {"slot": slot, "at": at, "content_id": text_id(piece)}
            for slot, parts in enumerate(found)
            for at, piece in enumerate(parts)
        ],
    }


def _clustered(batches: Iterable[pa.RecordBatch], *, found: np.ndarray) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        # Where all is one cluster, nothing need be near it.
        cluster, nearness = nearest(_whole(batch) if len(found) else np.zeros((batch.num_rows, 0)), found)
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns |= {"cluster": pa.array(cluster, pa.int32()), "nearness": pa.array(nearness, pa.float64())}
        yield pa.RecordBatch.from_pydict(columns)


def _whole(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """One unit vector an example (n, 2 d): the mean of its pictures beside the mean of its texts."""
    shown, said = (_flat(rows.column(name)) for name in ("shown", "said"))
    pictures = _means(shown, 0)
    return unit(np.concatenate([pictures, _means(said, pictures.shape[1])], axis=1))


def _flat(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _means(parts: Any, width: int) -> np.ndarray:
    """The mean, at length 1, of the unit vectors of each list (n, d); zeros, `width` wide where all are empty."""
    owner = pc.list_parent_indices(parts).to_numpy()
    if not len(owner):
        return np.zeros((len(parts), width))
    vectors, _ = matrix(pc.struct_field(pc.list_flatten(parts), "vector"))
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sums = np.zeros((len(parts), vectors.shape[1]))
    sums[owner[starts]] = np.add.reduceat(unit(vectors), starts, axis=0)
    return unit(sums)


def _vectors(parts: Sequence[dict[str, Any]]) -> np.ndarray:
    stored = [np.frombuffer(part["vector"], "<f2") for part in parts]
    return np.stack(stored).astype(np.float64)


def _chosen(group: pa.Table, *, cuts: Cuts) -> pa.Table:
    """Of a group that may be alike: each redundant example with the staying one that it is most like."""
    rows = sorted(group.to_pylist(), key=_rank)
    alike: dict[Rank, list[tuple[Any, ...]]] = {}
    for one, other, image, text in _pairs(rows, cuts):
        bits = _verified(rows[one], rows[other], cuts)
        if bits is not None:
            said = [shingles("\n".join(rows[at]["texts"]), _SHINGLE) for at in (one, other)]
            pair = (-min(image, text), -image, -text, bits, jaccard(*said), _rank(rows[other]))
            alike.setdefault(_rank(rows[one]), []).append(pair)
    found = [
        (one[3], one[2], other[3], other[2], -image, -text, bits, shared)
        for one, (_, image, text, bits, shared, other) in redundant(alike).items()
    ]
    return pa.Table.from_pylist([dict(zip(_PAIRS.names, row, strict=True)) for row in found], schema=_PAIRS)


def _rank(row: dict[str, Any]) -> Rank:
    return tuple(row[name] for name in RANK)


def _pairs(rows: list[dict[str, Any]], cuts: Cuts) -> Iterator[tuple[int, int, float, float]]:
    """Places of rows whose pictures and texts are alike, the higher first, and the least of their cosines."""
    pictures = unit(_vectors([part for row in rows for part in row["shown"]]))
    pictures = pictures.reshape(len(rows), -1, pictures.shape[1]).transpose(1, 0, 2)
    image = np.round(np.min([at @ at.T for at in pictures], axis=0), 6)
    candidates = np.tril(image >= cuts.image, -1)
    here = np.flatnonzero(candidates.any(axis=0) | candidates.any(axis=1))
    if not len(here):
        return
    text = np.ones((len(here), len(here)))
    for slot in range(len(rows[0]["texts"])):
        parts = [[part for part in rows[at]["said"] or () if part["slot"] == slot] for at in here]
        if parts[0]:
            vectors = unit(_vectors([part for own in parts for part in own]))
            counts = [len(own) for own in parts]
            text = np.minimum(text, np.round(text_cosines(vectors, counts, vectors, counts), 6))
    chosen = candidates[np.ix_(here, here)] & (text >= cuts.text)
    for one, other in np.argwhere(chosen).tolist():
        first, second = int(here[one]), int(here[other])
        yield first, second, float(image[first, second]), float(text[one, other])


def _verified(one: dict[str, Any], other: dict[str, Any], cuts: Cuts) -> int | None:
    """Bits by which the pictures differ at most, 0 for the same bytes; None where a picture or the order of words in a
    text says that the two are not the same."""
    found = 0
    for picture, rival in zip(one["shown"], other["shown"], strict=True):
        if picture["image_id"] == rival["image_id"]:
            continue
        if not _is_known(picture) or not _is_known(rival):
            return None
        hashes = int(picture["hash"], 16), int(rival["hash"], 16)
        found = max(found, bits_apart(*hashes, turned=not one["sideways"]))
        if found > cuts.bits or colour_apart(picture["colours"], rival["colours"]) > cuts.colour:
            return None
    is_same = all(same_order(*texts) for texts in zip(one["texts"], other["texts"], strict=True))
    return found if is_same else None


def _is_known(picture: dict[str, Any]) -> bool:
    return bool(picture["hash"]) and len(picture["colours"] or b"") == FACT_BYTES
