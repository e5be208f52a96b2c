"""Rejected answers as targets."""

from pyspark.sql import SparkSession

from ops.audits.rejected_as_target import AUDIT
from tests.support.corpora import Dialogue, Judged, by_source, frames

Q = "What colour?"
ROWS = [
    Judged("Red.", "blue", query=Q),
    Judged("blue", "green", query="What hue?"),
    Judged("mauve", label="bad", query=Q),
    Judged("pink", label="bad", query=Q, drop="two"),
    Judged("pink", "red", query=Q, drop="two"),
    Dialogue((("Hello", "hi"), (f"<image>\n{Q}", "Blue")), source_id="second turn is rejected"),
    Dialogue(((Q, "Mauve"),), source_id="called bad"),
    Dialogue(((Q, "pink"),), source_id="disputed"),
    Dialogue(((Q, "red."),), source_id="chosen"),
    Dialogue((("What hue?", "blue"),), source_id="other query"),
    Dialogue(((Q, "blue"),), source_id="other image", image="another"),
]


def test_only_the_same_image_query_and_response_match(spark: SparkSession) -> None:
    tables = frames(spark, ROWS)
    measures = by_source(AUDIT.measure(tables, None), tables["examples"])
    turns = {source: [(row["turn"], row["is_disputed"]) for row in rows] for source, rows in measures.items()}
    assert turns == {"second turn is rejected": [(1, False)], "called bad": [(0, False)], "disputed": [(0, True)]}
    evidence = {row["judgement_id"]: row for row in tables["preferences"].collect()}
    judged = evidence[measures["second turn is rejected"][0]["judgement_id"]]
    assert (judged["response"], judged["label"]) == ("blue", "rejected")
    assert evidence[measures["disputed"][0]["accepted_judgement_id"]]["label"] == "chosen"
