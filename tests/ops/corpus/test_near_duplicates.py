"""Near duplicates: found by their texts, on the same images, and never through a third."""

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ops.audits.near_duplicates import AUDIT, NearDuplicateSettings
from ops.vision.colours import picture_facts
from tests.support.corpora import Dialogue, by_source, frames

STORY = (
    "A man in a red jacket walks two small dogs along the beach while the sun goes down behind the old pier and a "
    "group of children plays football near the water before they all go home for dinner with their parents at night"
)
WORDS = STORY.split()


def changed(*places: int) -> str:
    return " ".join(f"x{n}" if n in places else word for n, word in enumerate(WORDS))


def dialogue(answer: str, more: str = "no") -> tuple[tuple[str, str], ...]:
    return (("Describe the picture in detail, please.", answer), ("Is there a cat?", more))


ROWS = [
    Dialogue(dialogue(STORY), source_id="first", repairs=()),
    Dialogue(dialogue(changed(20)), source_id="one word", repairs=("x",), drop="two"),
    Dialogue(dialogue(changed(20, 33)), source_id="two words", repairs=("x", "y")),
    Dialogue(dialogue(changed(20, 33, 5, 12)), source_id="four words", repairs=("x", "y", "z")),
    Dialogue(dialogue(STORY), source_id="exact copy", repairs=("x",)),
    Dialogue(dialogue(changed(20), "yes"), source_id="other answer", repairs=("x",)),
    Dialogue(dialogue(changed(20)), source_id="other image", image="another", repairs=("x",)),
    Dialogue((("What is it?", "A dog."),), source_id="short"),
    Dialogue((("What is this?", "A dog."),), source_id="short too"),
]


def test_near_copies_name_the_one_that_stays(spark: SparkSession) -> None:
    tables = frames(spark, ROWS)
    measures = by_source(AUDIT.measure(tables, NearDuplicateSettings(threshold=0.79)), tables["examples"])
    first = next(r["example_id"] for r in tables["examples"].collect() if r["source_id"] == "first")
    assert {source: [row["other_id"] for row in rows] for source, rows in measures.items()} == {
        "one word": [first],
        "two words": [first],
    }
    assert 0.79 <= measures["two words"][0]["jaccard"] < measures["one word"][0]["jaccard"] < 1
    assert not measures["one word"][0]["same_delivery"]


@pytest.mark.full
def test_what_is_near_to_a_near_copy_only_stays(spark: SparkSession) -> None:
    tables = frames(spark, ROWS)
    measures = by_source(AUDIT.measure(tables, NearDuplicateSettings(threshold=0.87)), tables["examples"])
    # "two words" is as near to "one word" as that is to "first", but "one word" goes.
    assert set(measures) == {"one word"}


RED, BLUE = (picture_facts(np.full((8, 8, 3), colour, np.uint8)) for colour in ((200, 20, 20), (20, 20, 200)))
IMAGES = {
    "picture": (f"{0xF0F0:016x}", RED),
    "scaled": (f"{0xF0F1:016x}", RED),  # one bit off
    "blue": (f"{0xF0F0:016x}", BLUE),
    "far": (f"{0xFFFF0000F0F0:016x}", RED),
    "unknown": ("", b""),
}


@pytest.mark.full
def test_alike_images_are_verified_by_hash_and_colour(spark: SparkSession) -> None:
    """The same question and answer about each: only about the scaled picture is it a duplicate, and that of the drop
    that came later goes."""
    rows = [
        Dialogue(dialogue(STORY), image=name, source_id=name, drop=f"drop-{name}", repairs=("x",)) for name in IMAGES
    ]
    rows.append(Dialogue((("What colour is it?", "It is red."),), image="scaled", source_id="other question"))
    tables = frames(spark, rows, images={name: fact for name, fact in IMAGES.items() if fact[0]})
    measures = by_source(AUDIT.measure(tables, NearDuplicateSettings()), tables["examples"])
    assert {name: [(row["jaccard"], row["hash_bits"]) for row in rows] for name, rows in measures.items()} == {
        "scaled": [(1.0, 1)]
    }
    exact = NearDuplicateSettings(hash_distance=0, colour_distance=1.0)
    measures = by_source(AUDIT.measure(tables, exact), tables["examples"])
    assert set(measures) == {"blue"}, "the hash sees no colour"
