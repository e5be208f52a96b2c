"""Judgements that contradict others about alike images or in answer to alike queries."""

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ops.audits.soft_contradictions import AUDIT
from ops.vision.colours import picture_facts
from tests.support.corpora import Judged, by_source, frames

RED, BLUE = (picture_facts(np.full((8, 8, 3), colour, np.uint8)) for colour in ((200, 20, 20), (20, 20, 200)))
IMAGES = {
    "picture": (f"{0xF0F0:016x}", RED),
    "scaled": (f"{0xF0F3:016x}", RED),  # two bits off
    "blue": (f"{0xF0F0:016x}", BLUE),
    "far": (f"{0xFFFF:016x}", RED),  # eight bits off
}
LONG = "Describe what the people in the foreground are doing and what the weather seems to be like on that day"
ROWS = [
    Judged("a", "b", query="pair", source_id="for"),
    Judged("b", "a", query="Pair!", image="scaled", source_id="other wording and image"),
    Judged("b", "a", query="pair", image="scaled", source_id="against, scaled"),
    Judged("b", "a", query="pair", image="blue", source_id="against, blue"),
    Judged("b", "a", query="pair", image="far", source_id="against, far"),
    Judged("a", label="good", query="Is there a dog?", source_id="good"),
    Judged("a", label="bad", query="Please: is there a dog in the picture?", source_id="bad"),
    Judged("a", label="bad", query="Is there a cat?", source_id="bad of a cat"),
    Judged("c", "d", query=LONG, source_id="long"),
    Judged("d", "c", query=f"{LONG} outside", source_id="long against"),
    Judged("d", "c", query=f"{LONG} not", source_id="long, not"),
    # What contradicts itself is left to the other audit.
    Judged("x", "y", query="both", source_id="both 1"),
    Judged("y", "x", query="both", source_id="both 2"),
    Judged("y", "x", query="both", image="scaled", source_id="both 3"),
    # In other words.
    Judged("s", "t", query="Can you spot a sofa?", source_id="sofa"),
    Judged("t", "s", query="Do you see any couch?", source_id="couch, any"),
    Judged("t", "s", query="Do you see a couch?", source_id="couch"),
    Judged("t", "s", query="Do you see a lamp?", source_id="lamp"),
    Judged("t", "s", query="Where is the sofa?", source_id="where"),
    Judged("t", "s", query="Do you see two sofas?", source_id="two"),
    Judged("t", "s", query="Do you see a settee?", source_id="not embedded"),
]
SOFA = np.array([1.0, 0.0, 0.0])
VECTORS = {
    "Can you spot a sofa?": SOFA,
    "Do you see any couch?": SOFA,
    "Do you see a couch?": np.array([1.0, 0.2, 0.0]),
    "Do you see a lamp?": np.array([1.0, 0.0, 0.9]),
    "Where is the sofa?": SOFA,
    "Do you see two sofas?": SOFA,
}


@pytest.mark.full
def test_only_verified_counterparts_count(spark: SparkSession) -> None:
    tables = frames(spark, ROWS, IMAGES, VECTORS)
    measures = by_source(AUDIT.measure(tables, AUDIT.settings), tables["examples"])
    pairs = {
        source: {(row["is_soft_flip"], row["hash_bits"], row["query_similarity"]) for row in rows}
        for source, rows in measures.items()
        if not rows[0]["by_meaning"]
    }
    assert pairs["for"] == pairs["against, scaled"] == {(True, 2, None)}
    assert pairs["good"] == pairs["bad"] == {(False, None, 1.0)}
    (long,) = pairs["long"]
    assert long[:2] == (True, None)
    assert 0.8 <= long[2] < 1
    assert set(pairs) == {"for", "against, scaled", "good", "bad", "long", "long against"}
    examples = {row["example_id"]: row["source_id"] for row in tables["examples"].collect()}
    assert {examples[row["other_example_id"]] for row in measures["for"]} == {"against, scaled"}
    assert [row["opposed"] for row in measures["good"]] == [1]
    meant = {source: row for source, (row, *_) in measures.items() if row["by_meaning"]}
    assert set(meant) == {"sofa", "couch"}
    assert {(row["by_image"], row["by_query"], row["opposed"]) for row in meant.values()} == {(False, False, 1)}
    assert meant["couch"]["query_cosine"] == pytest.approx(1 / np.sqrt(1.04), abs=1e-3)
