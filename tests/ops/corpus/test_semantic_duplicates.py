"""Semantic duplicates: alike by vectors, verified by words and hashes, and the same whatever the order of rows."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from ops.audits.semantic_duplicates import AUDIT, SemanticDuplicateSettings, wanted_texts
from ops.core.identity import text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.text.likeness import bits_apart
from ops.vision.colours import picture_facts
from tests.support.corpora import Dialogue, by_source, frames
from tests.support.stored_keys import with_clusters

GREY = picture_facts(np.full((8, 8, 3), 120, np.uint8))
HASHES = {"photo": 0xF0F0, "cropped": 0xF0FF, "drawing": 0xFFFF_FFFF_0000_F0F0, "unknown": 0, "street": 0x0F0F_0F0F}
IMAGES = {name: (f"{bits:016x}", GREY) for name, bits in HASHES.items() if bits}
#: What a picture and a text are about; those about the same have nearly the same vector.
ABOUT = {"photo": 0, "cropped": 0, "drawing": 0, "unknown": 0, "street": 1}


def about(text: str) -> int:
    topics = ("horse", "many", "left", "describe")
    return next((n for n, word in enumerate(topics) if word in text.lower()), len(topics))


def vector(topic: int, name: str) -> bytes:
    noise = np.random.default_rng(sum(map(ord, name))).normal(size=16) * 0.02
    made = np.eye(16)[topic] + noise
    return (made / np.linalg.norm(made)).astype("<f2").tobytes()


def tables(spark: SparkSession, rows: Sequence[Dialogue]) -> dict[str, DataFrame]:
    """The rows as the audit gets them, each text and picture with a vector of what it is about."""
    made = frames(spark, rows, IMAGES)
    texts = sorted(set(wanted_texts(made["examples"].toArrow())))
    stored = [("text", text_id(text), vector(about(text), text)) for text in texts]
    stored += [("image", name, vector(topic, name)) for name, topic in ABOUT.items()]
    vectors = [{"encoder": "one", "modality": m, "content_id": i, "vector": v} for m, i, v in stored]
    return made | {"embeddings": spark.createDataFrame(pa.Table.from_pylist(vectors, schema=EMBEDDINGS.schema))}


def redundant(spark: SparkSession, rows: Sequence[Dialogue], chosen: SemanticDuplicateSettings) -> dict[str, Any]:
    made = tables(spark, rows)
    named = {row["example_id"]: row["source_id"] for row in made["examples"].collect()}
    measured = by_source(AUDIT.measure(with_clusters(made, AUDIT, chosen), chosen), made["examples"])
    return {source: (named[row["other_id"]], row) for source, (row,) in measured.items()}


ASKED = "Describe the picture."
HORSE = "A man rides a brown horse over a field."
REWORDED = "Somebody on a brown horse crosses a meadow."
ROWS = [
    Dialogue(((ASKED, HORSE),), image="photo", source_id="first"),
    Dialogue(((ASKED, REWORDED),), image="cropped", source_id="reworded", drop="two"),
    Dialogue(((ASKED, HORSE),), image="photo", source_id="exact copy", drop="two"),
    Dialogue(((ASKED, REWORDED),), image="drawing", source_id="other picture", drop="two"),
    Dialogue(((ASKED, REWORDED),), image="unknown", source_id="unknown picture", drop="two"),
    Dialogue(((ASKED, REWORDED),), image="street", source_id="other vector", drop="two"),
    Dialogue(((ASKED, "Two men on a brown horse cross a meadow."),), image="cropped", source_id="number", drop="two"),
    Dialogue(
        ((ASKED, "Somebody on a white horse crosses a meadow."),), image="cropped", source_id="colour", drop="two"
    ),
    Dialogue(((ASKED, REWORDED + " They left."),), image="cropped", source_id="more said", drop="two"),
    Dialogue((("Describe the animal.", REWORDED),), image="cropped", source_id="other words asked", drop="two"),
    Dialogue((("How many are there?", "A dozen"),), image="photo", source_id="dozen"),
    Dialogue((("How many do you count?", "a dozen"),), image="cropped", source_id="dozen too", drop="two"),
    Dialogue((("How many do you count?", "a score"),), image="cropped", source_id="a score", drop="two"),
    Dialogue((("Is the dog left of the cat?", "yes"),), image="photo", source_id="left"),
    Dialogue((("Is the cat left of the dog?", "yes"),), image="photo", source_id="swapped"),
    Dialogue((("Is the dog really left of the cat?", "yes"),), image="photo", source_id="left again", repairs=("x",)),
]


def test_the_same_meaning_about_the_same_picture(spark: SparkSession) -> None:
    pairs = redundant(spark, ROWS, SemanticDuplicateSettings())
    assert {source: other for source, (other, _) in pairs.items()} == {
        "reworded": "first",
        "other words asked": "first",
        "dozen too": "dozen",
        "left again": "left",
    }
    row = pairs["reworded"][1]
    assert row["hash_bits"] == 4
    assert row["image_cosine"] >= 0.9
    assert 0.9 <= row["text_cosine"] < 1
    assert 0 < row["jaccard"] < 0.8
    assert not row["same_delivery"]
    assert pairs["left again"][1]["image_cosine"] == 1.0


@pytest.mark.full
def test_vectors_alone_decide_where_the_settings_say_so(spark: SparkSession) -> None:
    loose = SemanticDuplicateSettings(hash_distance=64, colour_distance=1.0)
    pairs = redundant(spark, ROWS, loose)
    assert set(pairs) == {"reworded", "other words asked", "dozen too", "left again", "other picture"}
    assert pairs["other picture"][0] == "first"


def test_a_mirrored_and_a_turned_picture_have_alike_hashes() -> None:
    """The hash of a photo, and those that imagehash gives it mirrored and turned."""
    import imagehash
    from PIL import Image, ImageOps

    drawn = np.random.default_rng(5).integers(0, 255, (9, 12), dtype=np.uint8)
    picture = Image.fromarray(drawn).resize((320, 240), Image.Resampling.BICUBIC)
    known = int(str(imagehash.phash(picture)), 16)
    turns = [*Image.Transpose]
    others = [int(str(imagehash.phash(picture.transpose(turn))), 16) for turn in turns]
    assert max(bits_apart(known, other, turned=True) for other in others) <= 8
    assert min(bits_apart(known, other, turned=False) for other in others) > 16
    other = ImageOps.invert(Image.fromarray(drawn[::-1, ::-1].T.copy()).rotate(45)).resize((320, 240))
    assert bits_apart(known, int(str(imagehash.phash(other)), 16), turned=True) > 16


def drawn(seed: int, count: int) -> list[Dialogue]:
    """Rows that are often alike, and sometimes copies."""
    rng = Random(seed)  # noqa: S311 - seeded rows
    pairs = [
        HORSE,
        REWORDED,
        "A horse.",
        "A rider on a horse.",
        "There goes a horse with its rider.",
        "He likes a horse.",
    ]
    return [
        Dialogue(
            ((rng.choice([ASKED, "Describe it."]), rng.choice(pairs)),),
            image=rng.choice(["photo", "cropped", "street"]),
            repairs=rng.choice([(), ("x",)]),
        )
        for _ in range(count)
    ]


@pytest.mark.full
def test_order_and_partitions_change_nothing(spark: SparkSession) -> None:
    """In several clusters, and in groups that are cut."""
    rows = drawn(seed=4, count=40)
    named = [replace(row, source_id=f"row {n}") for n, row in enumerate(rows)]
    chosen = SemanticDuplicateSettings(cluster_examples=8, group_examples=6)
    before = tables(spark, named)
    after = {name: frame.repartition(3) for name, frame in tables(spark, named[::-1]).items()}
    measures = [AUDIT.measure(with_clusters(made, AUDIT, chosen), chosen) for made in (before, after)]
    pairs = [sorted(map(str, rows.drop("jaccard").toArrow().to_pylist())) for rows in measures]
    assert pairs[0] == pairs[1]
    assert pairs[0]
    # The drop's name decides which of equals stays, and not how many.
    renamed = with_clusters(tables(spark, [replace(row, drop="another") for row in named]), AUDIT, chosen)
    assert AUDIT.measure(renamed, chosen).count() == len(pairs[0])
