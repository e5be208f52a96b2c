"""SFT examples that mean the same about the same picture, by the encoder's vectors: placed in clusters, then compared.

Where the centres of the clusters lie is found once and stored, so that an example stays in its cluster whatever comes
beside it, and a night looks at the clusters of what came or went.
"""

from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import ArrayType, DoubleType, IntegerType, StructField, StructType

from ops.core.key_schemas import EXAMPLE_CLUSTERS, made_schema
from ops.core.spherical import centres
from ops.corpus.alike_examples import ALIKE, PAIRS, Cuts, alike_examples, redundant_examples
from ops.corpus.compared_examples import COMPARED, READ, compared_examples, whole_vectors, with_clusters
from ops.corpus.groups import by_group
from ops.corpus.links import KEYS, Links, few, key_of
from ops.corpus.redundant_pairs import RANKS, chosen_pairs, undecided
from ops.corpus.staying import RANK
from ops.corpus.tables import CorpusTables
from ops.corpus.vectors import with_vectors

_KEY = ["delivery", "example_id"]
ROUNDS = 10
SAMPLE = 20_000
"""Examples at most that clusters are fitted on, and held on the driver: about 160 MB for vectors of 512."""
SAMPLED_EACH = 20
MOST_CLUSTERS = 1024
_CLUSTER = [StructField("clusters", ArrayType(IntegerType())), StructField("nearness", ArrayType(DoubleType()))]
_COMPARED_AMONG = ["cluster", "decides"]
_GROUP = [*_COMPARED_AMONG, "part"]
"""Examples are compared with those of their cluster that agree in what decides, in parts of at most `Cuts.most`."""


def _links(tables: CorpusTables, settings: object) -> dict[str, DataFrame]:
    keys = F.transform("clusters", lambda cluster: key_of("cluster", cluster, "decides"))
    return {EXAMPLE_CLUSTERS.name: tables[EXAMPLE_CLUSTERS.name].withColumn(KEYS, keys)}


# An example that is compared in two clusters may go for one of either, so that what stays in one hangs on the other.
LINKS = Links(EXAMPLE_CLUSTERS.name, _links, passes_on=True)


def cluster_centres(examples: DataFrame, embeddings: DataFrame, *, cluster_examples: int) -> np.ndarray:
    """The centres (k, d; float32) of clusters of `cluster_examples` examples on average; (0, 0) where all is one.

    They are fitted on a sample of the examples by the hash of what they say and show; the driver holds the sample.
    """
    pictured = _pictured(examples)
    count = min(MOST_CLUSTERS, -(-pictured.count() // cluster_examples))
    if count <= 1:
        return np.zeros((0, 0), np.float32)
    names = pictured.select(*_KEY, "content_id").orderBy("content_id", *_KEY).limit(min(SAMPLE, SAMPLED_EACH * count))
    drawn = pictured.join(few(names.select(*_KEY)), _KEY, "left_semi")
    sample = _embedded(_compared(drawn), embeddings).orderBy("dialogue_key", "content_id").toArrow()
    vectors = whole_vectors(sample)
    return centres(vectors, vectors[:count], rounds=ROUNDS).astype(np.float32)


def clustered_examples(examples: DataFrame, embeddings: DataFrame, *, centres: np.ndarray) -> DataFrame:
    """The rows of EXAMPLE_CLUSTERS (but for `rules`) of the examples with images of which all is embedded."""
    placed = partial(with_clusters, centres=centres.astype(np.float64))
    embedded = _embedded(_compared(_pictured(examples)), embeddings)
    clustered = embedded.mapInArrow(placed, StructType([*embedded.schema.fields, *_CLUSTER]))
    return clustered.select(*made_schema(EXAMPLE_CLUSTERS).names)


def semantic_duplicates(
    clusters: DataFrame,
    examples: DataFrame,
    images: DataFrame,
    arrivals: DataFrame,
    embeddings: DataFrame,
    *,
    settled: DataFrame | None = None,
    cuts: Cuts,
) -> DataFrame:
    """Each example whose pictures and texts are all alike to those of one that stays (columns of the audit).
    `clusters` has rows of EXAMPLE_CLUSTERS; those of `settled` (ops/corpus/links.py) are only compared with."""
    groups = _groups(clusters.join(F.broadcast(arrivals), "delivery"), most=cuts.most).localCheckpoint()
    members = _compared(examples.join(few(groups.select(*_KEY).distinct()), _KEY, "left_semi"))
    facts = images.select("image_id", F.col("perceptual_hash").alias("hash"), "colours")
    embedded = _embedded(members, embeddings, facts).drop("decides").join(groups, _KEY)

    def compare(group: pa.Table) -> pa.Table:
        return alike_examples(group, cuts=cuts)

    alike = by_group(embedded.groupBy(*_GROUP), compare, ALIKE).dropDuplicates(RANKS.names)
    return chosen_pairs(undecided(alike, settled).localCheckpoint(), redundant_examples, PAIRS)


def _pictured(examples: DataFrame) -> DataFrame:
    return examples.where("kind = 'sft' AND size(image_ids) > 0").select(*READ)


def _compared(sft: DataFrame) -> DataFrame:
    return sft.select(*READ).mapInArrow(compared_examples, from_arrow_schema(COMPARED))


def _embedded(compared: DataFrame, embeddings: DataFrame, facts: DataFrame | None = None) -> DataFrame:
    """The examples whose pictures and pieces of text are all embedded, with `picture_vectors` and `piece_vectors`, in
    order, those of pictures with the `facts` (image_id and others) that verify them."""
    pictures = _with_vectors(
        compared.select(*_KEY, F.posexplode("image_ids").alias("at", "image_id")), embeddings, "image", "image_id"
    )
    verified = ["vector"] if facts is None else ["vector", "hash", "colours"]
    pictures = pictures if facts is None else pictures.join(facts, "image_id", "left")
    pieces = compared.select(*_KEY, F.explode("pieces").alias("piece")).select(*_KEY, "piece.*")
    texts = _with_vectors(pieces, embeddings, "text", "content_id")
    of_pictures = _listed(pictures, "picture_vectors", "at", "image_id", *verified)
    of_pieces = _listed(texts, "piece_vectors", "slot", "at", "vector")
    are_all = "size(picture_vectors) = size(image_ids) AND coalesce(size(piece_vectors), 0) = size(pieces)"
    return compared.join(of_pictures, _KEY).join(of_pieces, _KEY, "left").where(are_all).drop("image_ids", "pieces")


def _with_vectors(frame: DataFrame, embeddings: DataFrame, modality: str, name: str) -> DataFrame:
    """The frame with the `vector` of each content, of which those that are asked for alone are moved."""
    asked = few(frame.select(F.col(name).alias("content_id")).distinct())
    return with_vectors(frame, embeddings.join(asked, "content_id", "left_semi"), modality=modality, vector=name)


def _listed(frame: DataFrame, name: str, *columns: str) -> DataFrame:
    known = frame.where("vector IS NOT NULL")
    return known.groupBy(*_KEY).agg(F.array_sort(F.collect_set(F.struct(*columns))).alias(name))


def _groups(clusters: DataFrame, *, most: int) -> DataFrame:
    """The examples that are to be compared with others, by `_GROUP`: those about as near to their centre together, and
    of exact copies in a cluster the one that stays."""
    copies = Window.partitionBy(*_COMPARED_AMONG, "dialogue_key").orderBy(*RANK)
    near = Window.partitionBy(*_COMPARED_AMONG).orderBy("nearness", "dialogue_key")
    places = clusters.withColumn("at", F.explode(F.arrays_zip("clusters", "nearness"))).drop("clusters", "nearness")
    return (
        places.withColumns({"cluster": F.col("at.clusters"), "nearness": F.col("at.nearness")})
        .withColumn("copy", F.row_number().over(copies))
        .where("copy = 1")
        .withColumn("place", F.row_number().over(near) - 1)
        .withColumn("part", F.floor(F.col("place") / most))
        .withColumn("size", F.count("*").over(Window.partitionBy(*_GROUP)))
        .where("size > 1")
        .select(*_KEY, "arrival", *_GROUP)
    )
