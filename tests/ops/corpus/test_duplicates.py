"""Exact duplicates."""

from pyspark.sql import SparkSession

from ops.audits.duplicates import AUDIT
from tests.support.corpora import Dialogue, Judged, by_source, frames

TURNS = (("What is it?", "A dog."), ("Is it big?", "Yes"))
SHUFFLED = (("Is it big?", "Yes"), ("What is it?", "A dog."))
SPACED = (("what is  it?", "a dog."), ("<image>Is it big?", "yes"))
ROWS = [
    Dialogue(TURNS, source_id="mended", repairs=("turn_order",)),
    Dialogue(TURNS, source_id="sound"),
    Dialogue(
        (("what is  it?", "a dog."), ("<image>Is it big?", "yes")), source_id="spaced", drop="two", repairs=("x", "y")
    ),
    Dialogue(TURNS, source_id="other image", image="another"),
    Dialogue(TURNS, source_id="no image", image=None),
    Dialogue(TURNS[:1], source_id="shorter"),
    Dialogue(SHUFFLED, source_id="other order"),
    Judged("a", "b", annotator="ada", source_id="ada"),
    Judged("a", "b", annotator="ben", source_id="ben"),
    Judged("a", "b", annotator="ben", source_id="ben again", drop="two"),
    Judged("b", "a", annotator="ben", source_id="other way"),
]


def test_each_copy_names_the_one_that_stays(spark: SparkSession) -> None:
    tables = frames(spark, ROWS)
    measures = by_source(AUDIT.measure(tables, None), tables["examples"])
    ids = {
        row["example_id"]: row["source_id"] for row in tables["examples"].select("example_id", "source_id").collect()
    }
    kept = {source: [ids[row["other_id"]] for row in rows] for source, rows in measures.items()}
    assert kept == {"mended": ["sound"], "spaced": ["sound"], "ben again": ["ben"]}
    assert measures["mended"][0]["copies"] == 3
    assert measures["mended"][0]["same_delivery"]
    assert not measures["spaced"][0]["same_delivery"]
    assert measures["mended"][0]["group_id"] == measures["spaced"][0]["group_id"]


def test_a_new_drop_takes_nothing_from_the_corpus(spark: SparkSession) -> None:
    """Which drop is new is what `arrivals` says, whatever their names and the state of their rows."""
    rows = [
        Dialogue(TURNS, source_id="mended", drop="z", repairs=("turn_order",)),
        Dialogue(TURNS, source_id="sound", drop="a"),
        Dialogue(TURNS, source_id="again", drop="a"),
    ]
    z_first = frames(spark, rows)
    assert set(by_source(AUDIT.measure(z_first, None), z_first["examples"])) == {"sound", "again"}
    a_first = frames(spark, [*rows[1:], rows[0]])
    redundant = set(by_source(AUDIT.measure(a_first, None), a_first["examples"]))
    assert len(redundant) == 2
    assert "mended" in redundant
