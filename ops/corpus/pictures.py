"""The images of examples, with what their pixels are known by: keys that alike ones share, and how to verify a pair.

Two hashes of 64 bits that differ in at most d bits, cut into d + 2 pieces, agree in two pieces at least (pigeonhole).
So hashes that share a key, two pieces and their places, are compared, and none within d is missed, however many there
are; at 4 bits a key has 21 bits, so that of 10^7 hashes about five share one by chance.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import TypedDict

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.links import few
from ops.vision.colours import FACT_BYTES
from ops.vision.image_groups import colour_apart

_KEY = ["delivery", "example_id"]
_BITS = 64


class Picture(TypedDict):
    """An image of an example and what its pixels are known by, null where nothing is."""

    image_id: str
    hash: str | None
    colours: bytes | None


def pictures(examples: DataFrame, images: DataFrame) -> DataFrame:
    """Each example that shows images, with `pictures`: a list in its order of {at, image_id, hash, colours}, and
    `first`: what alike pictures of its first image are looked for by, its hash, or the image's id where it has none.

    `images` has image_id, perceptual_hash and colours.
    """
    listed = examples.select(*_KEY, F.posexplode("image_ids").alias("at", "image_id"))
    known = images.select("image_id", F.col("perceptual_hash").alias("hash"), "colours")
    picture = F.struct("at", "image_id", "hash", "colours")
    # A set: two writers may have stored an image twice.
    pictures = F.array_sort(F.collect_set(picture)).alias("pictures")
    by_example = listed.join(known, "image_id", "left").groupBy(*_KEY).agg(pictures)
    first = F.col("pictures")[0]
    return by_example.withColumn("first", F.coalesce(first["hash"], first["image_id"]))


def alike_keys(name: Column, distance: int) -> Column:
    """Keys (array of long) of a hash, as 16 hex digits, of which two within `distance` bits share one at least; of
    what is no hash its own key."""
    bits = F.lpad(F.conv(name, 16, 2), _BITS, "0")
    cuts = [round(_BITS * n / (distance + 2)) for n in range(distance + 3)]
    pieces = [bits.substr(start + 1, end - start) for start, end in pairwise(cuts)]
    pairs = [F.xxhash64(F.lit(at), *two) for at, two in enumerate(combinations(pieces, 2))]
    return F.when(F.length(name) == _BITS // 4, F.array(*pairs)).otherwise(F.array(F.xxhash64(name)))


def neighbours(hashes: DataFrame, *, distance: int) -> DataFrame:
    """Each two of the `hashes` (column `hash`) that differ, and in at most `distance` bits: `hash` and `other`."""
    of_key = hashes.where(F.length("hash") == _BITS // 4).distinct()
    of_key = of_key.select("hash", F.explode(alike_keys(F.col("hash"), distance)).alias("key"))
    both = of_key.join(of_key.withColumnRenamed("hash", "other"), "key").where("hash != other")
    return both.where(_bits_apart(F.col("hash"), F.col("other")) <= distance).select("hash", "other").distinct()


def alike_images(images: DataFrame, some: DataFrame, *, distance: int) -> DataFrame:
    """Of `some` of the images (`shown`, their ids) each with every other that may be alike to it: `shown` and
    `image_id`. `images` has image_id and perceptual_hash."""
    looked_for = F.coalesce("perceptual_hash", "image_id")
    keyed = images.select("image_id", F.explode(alike_keys(looked_for, distance)).alias("alike"))
    asked = keyed.join(few(some.select(F.col("shown").alias("image_id"))), "image_id", "left_semi")
    both = keyed.join(few(asked.withColumnRenamed("image_id", "shown")), "alike")
    return both.where("image_id != shown").select("shown", "image_id").distinct()


def _bits_apart(left: Column, right: Column) -> Column:
    numbers = [F.conv(name, 16, -10).cast("long") for name in (left, right)]
    return F.bit_count(numbers[0].bitwiseXOR(numbers[1]))


def apart(ones: Sequence[Picture], others: Sequence[Picture], *, distance: int, colour: float) -> int | None:
    """Bits by which the images of two examples differ, at most, in their order; 0 where they are the same bytes. None
    where they are not alike: more than `distance` bits apart, or with more than `colour` of the pixels of another
    colour, or where nothing is known of one that is not the same."""
    if len(ones) != len(others):
        return None
    bits = [_apart(one, other, colour) for one, other in zip(ones, others, strict=True)]
    known = [bit for bit in bits if bit is not None]
    return max(known, default=0) if len(known) == len(bits) and max(known, default=0) <= distance else None


def _apart(picture: Picture, other: Picture, colour: float) -> int | None:
    if picture["image_id"] == other["image_id"]:
        return 0
    own, theirs = pixels(picture["hash"], picture["colours"]), pixels(other["hash"], other["colours"])
    if own is None or theirs is None:
        return None
    # The hash sees lightness alone; a red and a blue disc may share one.
    return None if colour_apart(own[1], theirs[1]) > colour else (own[0] ^ theirs[0]).bit_count()


def pixels(name: str | None, colours: bytes | None) -> tuple[int, bytes] | None:
    """A picture's hash as a number, and its colours; None where either is unknown."""
    return (int(name, 16), colours) if name and colours and len(colours) == FACT_BYTES else None
