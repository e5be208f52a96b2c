"""Judgements that their own rationale contradicts, on a real Spark."""

import json

from pyspark.sql import SparkSession

from ops.corpus.rationales import against_rationale
from tests.support.corpora import Judged, by_source, frames

ROWS = [
    Judged("a", label="good", rating=5, rating_scale=5, source_id="rated 5, said 1", metadata={"rationale": "1/5"}),
    Judged("a", label="good", rating=5, rating_scale=5, source_id="rated 5, said 4", metadata={"rationale": "4/5"}),
    Judged("a", label="good", source_id="good, said 2 of 10", metadata={"critique": "Merely 2 out of 10."}),
    Judged("a", label="bad", source_id="bad, said 2 of 10", metadata={"critique": "Merely 2 out of 10."}),
    Judged("a", label="good", source_id="no scale", metadata={"rationale": "Rating: 1"}),
    Judged("a", label="good", source_id="no rationale", metadata={"title": "1/5"}),
    Judged("a", "b", source_id="rejected is better", metadata={"rationale": "The rejected answer is better."}),
    Judged("a", "b", source_id="chosen is better", metadata={"rationale": "The chosen answer is better."}),
    Judged(
        "a",
        label="good",
        rating=5,
        rating_scale=5,
        annotator="ann",
        source_id="another's rationale",
        metadata={"rationale": "1/5", "annotator": "bob"},
    ),
    Judged(
        "a",
        label="good",
        rating=3,
        rating_scale=5,
        source_id="beside",
        metadata={"responses": [{"annotations": {"Truth": {"Rating": "5", "Rationale": "1 out of 5"}}}]},
    ),
]


def test_only_what_is_said_otherwise_is_found(spark: SparkSession) -> None:
    corpus = frames(spark, ROWS)
    measures = by_source(against_rationale(corpus["preferences"], corpus["examples"]), corpus["examples"])
    assert set(measures) == {"rated 5, said 1", "good, said 2 of 10", "rejected is better", "beside"}
    assert len(measures["rejected is better"]) == 2


def test_rows_that_ingest_reads_keep_their_rationales() -> None:
    from ops.formats.registry import format_of

    record = {
        "id": "1",
        "prompt": "What is it?",
        "completions": [{"response": "A cat.", "rating": 5, "rationale": "1/5"}, {"response": "A dog.", "rating": 1}],
        "rating_scale": 5,
    }
    row = format_of([record]).parse(record)
    assert json.loads(json.dumps(row.metadata))["responses"][0] == {"rationale": "1/5"}
