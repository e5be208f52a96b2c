"""The images of examples, with what their pixels are known by: the group they may belong to, and how to verify it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.vision.colours import FACT_BYTES
from ops.vision.image_groups import colour_apart, leaders

_KEY = ["delivery", "example_id"]


def pictures(examples: DataFrame, images: DataFrame, *, distance: int) -> DataFrame:
    """Each example that shows images, with `pictures`: a list in its order of {at, image_id, group, hash, colours}.

    `images` has image_id, perceptual_hash and colours. Images of one group have hashes within `distance` bits of one
    leader among the hashes of these examples' images, not of all that the lake holds: what a superseded delivery left
    decides nothing. The distinct hashes are held in memory, 8 bytes each.
    """
    listed = examples.select(*_KEY, F.posexplode("image_ids").alias("at", "image_id"))
    known = images.select("image_id", "perceptual_hash", "colours")
    known_pictures = listed.join(known, "image_id", "left")
    hashes = known_pictures.where("perceptual_hash IS NOT NULL").select("perceptual_hash").distinct().toArrow()
    grouped = known_pictures.join(F.broadcast(_groups(examples, hashes, distance)), "perceptual_hash", "left")
    # An image without a hash is alike to itself only.
    group = F.coalesce("group", "image_id").alias("group")
    picture = F.struct("at", "image_id", group, F.col("perceptual_hash").alias("hash"), "colours")
    return grouped.groupBy(*_KEY).agg(F.array_sort(F.collect_list(picture)).alias("pictures"))


def _groups(examples: DataFrame, hashes: pa.Table, distance: int) -> DataFrame:
    texts: list[Any] = hashes["perceptual_hash"].to_pylist()
    numbers = np.array([int(text, 16) for text in texts], dtype=np.uint64)
    led = [f"{number:016x}" for number in leaders(numbers, distance).tolist()]
    schema = pa.schema([("perceptual_hash", pa.string()), ("group", pa.string())])
    return examples.sparkSession.createDataFrame(pa.table([pa.array(texts, pa.string()), pa.array(led)], schema=schema))


def apart(
    ones: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], *, distance: int, colour: float
) -> int | None:
    """Bits by which the images of two examples differ, at most, in their order; 0 where they are the same bytes. None
    where they are not alike: more than `distance` bits apart, or with more than `colour` of the pixels of another
    colour, or where nothing is known of one that is not the same."""
    if len(ones) != len(others):
        return None
    bits = [_apart(one, other, colour) for one, other in zip(ones, others, strict=True)]
    known = [bit for bit in bits if bit is not None]
    return max(known, default=0) if len(known) == len(bits) and max(known, default=0) <= distance else None


def _apart(picture: Mapping[str, Any], other: Mapping[str, Any], colour: float) -> int | None:
    if picture["image_id"] == other["image_id"]:
        return 0
    sides = (picture, other)
    if any(side["hash"] is None or len(side["colours"] or b"") != FACT_BYTES for side in sides):
        return None
    # The hash sees lightness alone; a red and a blue disc may share one.
    if colour_apart(picture["colours"], other["colours"]) > colour:
        return None
    return (int(picture["hash"], 16) ^ int(other["hash"], 16)).bit_count()
