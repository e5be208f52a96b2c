"""SFT examples that mean the same about the same picture, by the encoder's vectors: clustered, then compared."""

from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

from ops.core.spherical import centres
from ops.corpus.alike_examples import PAIRS, Cuts, redundant_examples
from ops.corpus.compared_examples import COMPARED, READ, compared_examples, whole_vectors, with_clusters
from ops.corpus.groups import by_group
from ops.corpus.staying import RANK
from ops.corpus.vectors import with_vectors

_KEY = ["delivery", "example_id"]
_ROUNDS = 10
_SAMPLE = 20_000
"""Examples at most that clusters are fitted on, and held on the driver: about 160 MB for vectors of 512."""
_SAMPLED_EACH = 20
_MOST_CLUSTERS = 1024
_CLUSTER = [StructField("cluster", IntegerType()), StructField("nearness", DoubleType())]
_GROUP = ["cluster", "decides", "part"]
"""Examples are compared with those of their cluster that agree in what decides, in parts of at most `Cuts.most`."""


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
    sft = examples.where("kind = 'sft' AND size(image_ids) > 0").join(F.broadcast(arrivals), "delivery").select(*READ)
    fitted = _centres(sft, images, embeddings, count=min(_MOST_CLUSTERS, -(-sft.count() // cluster_examples)))
    copies = Window.partitionBy("dialogue_key").orderBy(*RANK)
    distinct = _compared(sft).withColumn("copy", F.row_number().over(copies)).where("copy = 1").drop("copy")
    members = _grouped(_embedded(distinct, images, embeddings), fitted, most=cuts.most)

    def choose(group: pa.Table) -> pa.Table:
        return redundant_examples(group, cuts=cuts)

    pairs = by_group(members.groupBy(*_GROUP), choose, PAIRS)
    return pairs.withColumn("same_delivery", F.col("delivery") == F.col("other_delivery"))


def _compared(sft: DataFrame) -> DataFrame:
    return sft.mapInArrow(compared_examples, from_arrow_schema(COMPARED))


def _centres(sft: DataFrame, images: DataFrame, embeddings: DataFrame, *, count: int) -> np.ndarray:
    """The centres (count, d) of the clusters of a sample; (0, 0) where all is one cluster."""
    if count <= 1:
        return np.zeros((0, 0))
    drawn = sft.orderBy("content_id").limit(min(_SAMPLE, _SAMPLED_EACH * count))
    sample = _embedded(_compared(drawn), images, embeddings).orderBy("dialogue_key", "content_id").toArrow()
    vectors = whole_vectors(sample)
    return centres(vectors, vectors[:count], rounds=_ROUNDS)


def _embedded(compared: DataFrame, images: DataFrame, embeddings: DataFrame) -> DataFrame:
    """The examples whose pictures and pieces of text are all embedded, with `picture_vectors` and `piece_vectors`, in
    order, those of pictures with what verifies them."""
    facts = images.select("image_id", F.col("perceptual_hash").alias("hash"), "colours")
    pictures = with_vectors(
        compared.select(*_KEY, F.posexplode("image_ids").alias("at", "image_id")),
        embeddings,
        modality="image",
        vector="image_id",
    ).join(facts, "image_id", "left")
    pieces = compared.select(*_KEY, F.explode("pieces").alias("piece")).select(*_KEY, "piece.*")
    texts = with_vectors(pieces, embeddings, modality="text", vector="content_id")
    of_pictures = _listed(pictures, "picture_vectors", "at", "image_id", "vector", "hash", "colours")
    of_pieces = _listed(texts, "piece_vectors", "slot", "at", "vector")
    are_all = "size(picture_vectors) = size(image_ids) AND coalesce(size(piece_vectors), 0) = size(pieces)"
    return compared.join(of_pictures, _KEY).join(of_pieces, _KEY, "left").where(are_all).drop("image_ids", "pieces")


def _listed(frame: DataFrame, name: str, *columns: str) -> DataFrame:
    known = frame.where("vector IS NOT NULL")
    return known.groupBy(*_KEY).agg(F.array_sort(F.collect_set(F.struct(*columns))).alias(name))


def _grouped(embedded: DataFrame, fitted: np.ndarray, *, most: int) -> DataFrame:
    """The examples that are to be compared with others, by `_GROUP`: those about as near to their centre together."""
    clustered = embedded.mapInArrow(
        partial(with_clusters, centres=fitted), StructType([*embedded.schema.fields, *_CLUSTER])
    )
    alike = Window.partitionBy("cluster", "decides").orderBy("nearness", "dialogue_key")
    return (
        clustered.withColumn("place", F.row_number().over(alike) - 1)
        .withColumn("part", F.floor(F.col("place") / most))
        .withColumn("size", F.count("*").over(Window.partitionBy(*_GROUP)))
        .where("size > 1")
    )
