"""SFT answers that read like preference data."""

import random
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from ops.audits.preference_likeness import AUDIT
from tests.support.corpora import Dialogue, Judged, by_source, frames

WORDS = [f"word{n:03}" for n in range(120)]


@pytest.mark.full
def test_answers_are_judged_by_models_that_have_not_seen_their_image(spark: SparkSession) -> None:
    drawn = random.Random(2)  # noqa: S311

    def text(mark: str) -> str:
        return " ".join([*drawn.choices(WORDS, k=12), mark])

    rows: list[Judged | Dialogue] = []
    for n in range(160):
        picture = f"image {n}"
        rows.append(Judged(text("fine1"), text("poor1"), image=picture, dataset="one", source_id=f"pair {n}"))
        # Nothing but the image tells these two apart: a model that has seen them would.
        rows.append(Judged(text(f"mine{n}"), text(f"yours{n}"), image=picture, dataset="two", source_id=f"other {n}"))
    rows += [
        Dialogue((("Q", text("poor1")),), image=f"image {n}", source_id=f"bad {n}", dataset="one") for n in range(20)
    ]
    rows += [
        Dialogue((("Q", text("fine1")),), image=f"image {n}", source_id=f"good {n}", dataset="x") for n in range(20)
    ]
    tables = frames(spark, rows)
    measures = {
        source: measured[0]
        for source, measured in by_source(AUDIT.measure(tables, AUDIT.settings), tables["examples"]).items()
    }
    likely = {source: row["rejected_probability"] for source, row in measures.items()}
    assert min(p for s, p in likely.items() if s.startswith("bad")) > max(p for s, p in likely.items() if s[0] == "g")
    assert {row["auroc_of"] for s, row in measures.items() if s.startswith("bad")} == {"one"}
    assert {row["auroc_of"] for s, row in measures.items() if s.startswith("good")} == {None}
    assert measures["bad 0"]["auroc"] > 0.95
    assert 0.3 < measures["bad 0"]["style_auroc"] < 0.7
    assert 0.6 < measures["good 0"]["auroc"] < 0.9
    none = AUDIT.measure(tables, replace(AUDIT.settings, fewest_responses=1000)).collect()
    assert len(none) == 40
    assert {(row["rejected_probability"], row["auroc"]) for row in none} == {(None, None)}
