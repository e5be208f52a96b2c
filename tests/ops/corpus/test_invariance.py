"""What the corpus audits of preference data find depends on no order, no partitioning, no name and no second copy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from ops.audits import contradictions, reward_leaks, soft_contradictions
from ops.vision.colours import picture_facts
from tests.support.corpora import Dialogue, Judged, by_source, frames

GREY = picture_facts(np.full((8, 8, 3), 120, np.uint8))
IMAGES = {"i": (f"{0xF0F0:016x}", GREY), "j": (f"{0xF0F1:016x}", GREY), "k": (f"{0xFF0F00:016x}", GREY)}
QUERIES = ["Is there a dog?", "Please, is there a dog in the picture?", "Do you see a hound?", "Where is it?", ""]
TEXTS = [
    "A dog.",
    " a dog.",
    "A brown dog runs over the wide green lawn.",
    "A brown dog runs over the wide lawn.",
    "Some hound races across a large meadow.",
    "Two grey lorries stand before a tower.",
]
VECTORS = {
    text: np.array(vector)
    for text, vector in zip(
        [*QUERIES[:4], *TEXTS[2:]],
        [[1, 0, 0], [1, 0.1, 0], [1, 0.2, 0], [0, 0, 1], [0, 1, 0.1], [0, 1, 0.2], [0.1, 1, 0], [1, 0, 1]],
        strict=True,
    )
}
# What each list holds besides, so that no way of finding anything goes without a case.
ALWAYS = [
    Judged("A dog.", label="good", image="h", query="Is there a dog?"),
    Judged("A dog.", label="bad", image="h", query="Do you see a hound?"),
    Judged(TEXTS[5], TEXTS[2], image="h", query="Where is it?"),
    Dialogue((("Where is it?", TEXTS[4]),), image="h"),
]
RATERS = [None, "ada", "ben", "chi"]
FACTS = {
    contradictions: [
        *contradictions.FLAGS,
        "votes_for",
        "votes_against",
        "resolution",
        "side",
        "soft_label",
        "cycle_size",
    ],
    soft_contradictions: [
        "is_soft_flip",
        "is_soft_good_and_bad",
        "by_meaning",
        "hash_bits",
        "query_similarity",
        "query_cosine",
        "opposed",
    ],
    reward_leaks: [
        "is_near_rejected",
        "is_both_sides",
        "by_meaning",
        "similarity",
        "chosen_similarity",
        "cosine",
        "chosen_cosine",
    ],
}

judged = st.builds(
    Judged,
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS) | st.none(),
    st.sampled_from(["good", "bad"]),
    image=st.sampled_from(sorted(IMAGES)),
    query=st.sampled_from(QUERIES),
    annotator=st.sampled_from(RATERS),
    rating=st.sampled_from([None, 1.0, 9.0]),
    rating_scale=st.just(10.0),
)
turns = st.builds(
    Dialogue,
    st.tuples(st.tuples(st.sampled_from(QUERIES), st.sampled_from(TEXTS))),
    image=st.sampled_from(sorted(IMAGES)),
)


def comparable(tables: dict[str, DataFrame]) -> dict[Any, Any]:
    """What each audit says of each row of the drop `one`, by what the row is called there."""
    by_audit = {}
    for module, facts in FACTS.items():
        rows = by_source(module.AUDIT.measure(tables, module.AUDIT.settings), tables["examples"])
        for source, measures in rows.items():
            first = [row for row in measures if row["delivery"] == "one-0"]
            by_audit[module.AUDIT.name, source] = sorted((tuple(row[name] for name in facts) for row in first), key=str)
    return by_audit


def renamed(row: Judged | Dialogue) -> Judged | Dialogue:
    if isinstance(row, Dialogue):
        return row
    return replace(row, annotator=row.annotator and f"someone called {row.annotator[::-1]}")


@pytest.mark.full
@settings(max_examples=2, derandomize=True, phases=[Phase.generate])
@given(rows=st.lists(judged | turns, min_size=15, max_size=30))
def test_order_partitions_names_and_copies_change_nothing(spark: SparkSession, rows: list[Judged | Dialogue]) -> None:
    named = [replace(row, source_id=f"row {n}") for n, row in enumerate([*ALWAYS, *rows])]
    before = comparable(frames(spark, named, IMAGES, VECTORS))
    for module in (soft_contradictions, reward_leaks):
        at = FACTS[module].index("by_meaning")
        assert any(row[at] for (name, _), found in before.items() if name == module.AUDIT.name for row in found)
    changed = [*(replace(renamed(row), drop="two") for row in named), *(renamed(row) for row in named[::-1])]
    again = frames(spark, changed, IMAGES, VECTORS)
    spread = {name: frame.repartition(3) for name, frame in again.items()}
    after = comparable(spread)
    # A second copy is neither another voter nor another subject.
    assert after == before
