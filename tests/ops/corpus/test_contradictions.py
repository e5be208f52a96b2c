"""Contradictory judgements."""

import random
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ops.audits.contradictions import AUDIT, ContradictionSettings
from tests.ops.corpus.corpus import Judged, by_source, frames, tables

ROWS = [
    Judged("cat", label="good", source_id="good"),
    Judged("Cat", label="bad", source_id="bad"),
    Judged("cat", label="bad", source_id="other image", image="another"),
    Judged("cat", label="bad", source_id="other query", query="Where?"),
    Judged("kept", label="good", source_id="good only"),
    Judged("A b", "c", query="flip", annotator="ada", source_id="for 1"),
    Judged("a  b", "c", query="flip", annotator="ben", source_id="for 2"),
    Judged("c", "a b", query="flip", annotator="chi", source_id="against"),
    Judged("a b", "d", query="flip", annotator="chi", source_id="other pair"),
    Judged("x", "y", query="tie", source_id="tie 1"),
    Judged("y", "x", query="tie", source_id="tie 2"),
    Judged("y", "x", query="tie", source_id="tie 2", drop="two"),
    Judged("same", " Same", query="identical", source_id="identical"),
    Judged("m", "n", query="chain", source_id="m over n"),
    Judged("n", "o", query="chain", source_id="n over o"),
]


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, list[dict[str, Any]]]:
    corpus = frames(spark, ROWS)
    return by_source(AUDIT.measure(corpus, AUDIT.settings), corpus["examples"])


def test_only_judgements_that_contradict_have_rows(found: dict[str, list[dict[str, Any]]]) -> None:
    assert set(found) == {"good", "bad", "for 1", "for 2", "against", "tie 1", "tie 2", "identical"}


def test_kinds(found: dict[str, list[dict[str, Any]]]) -> None:
    kinds = ("is_good_and_bad", "is_flip", "is_identical")
    told = {source: {kind for kind in kinds for row in rows if row[kind]} for source, rows in found.items()}
    assert {source for source in told if told[source] == {"is_good_and_bad"}} == {"good", "bad"}
    assert {source for source in told if told[source] == {"is_identical"}} == {"identical"}
    assert all(told[source] == {"is_flip"} for source in ("for 1", "for 2", "against", "tie 1", "tie 2"))


def test_votes_and_what_follows(found: dict[str, list[dict[str, Any]]]) -> None:
    def told(source: str) -> set[tuple[Any, ...]]:
        columns = ("votes_for", "votes_against", "resolution", "side", "soft_label")
        return {tuple(row[c] for c in columns) for row in found[source]}

    assert told("for 1") == told("for 2") == {(2, 1, "majority", "upheld", 2 / 3)}
    assert told("against") == {(1, 2, "majority", "overruled", 1 / 3)}
    # The second row came twice and is one vote.
    assert told("tie 1") == told("tie 2") == {(1, 1, "tie", "undecided", 0.5)}
    assert len(found["tie 2"]) == 4
    assert told("identical") == {(None, None, None, None, None)}


def test_a_group_is_named_alike_in_all_its_rows(found: dict[str, list[dict[str, Any]]]) -> None:
    groups = {source: {row["group_id"] for row in rows} for source, rows in found.items()}
    assert groups["for 1"] == groups["for 2"] == groups["against"]
    assert groups["good"] == groups["bad"]
    assert len({g for group in groups.values() for g in group}) == 4


def test_a_majority_that_is_not_clear_decides_nothing(spark: SparkSession) -> None:
    corpus = frames(spark, ROWS)
    rows = by_source(AUDIT.measure(corpus, ContradictionSettings(clear_majority=0.7)), corpus["examples"])
    assert {(row["resolution"], row["side"]) for row in rows["for 1"]} == {("abstain", "undecided")}


def random_rows(seed: int, count: int) -> list[Judged]:
    """Judgements of few responses by few people, so that most contradict."""
    drawn = random.Random(seed)  # noqa: S311
    rows = []
    for n in range(count):
        image, query = drawn.choice("ij"), drawn.choice("pq")
        one, other = (drawn.choice("abcd") for _ in range(2))
        who = drawn.choice(["ada", "ben", None])
        pair = drawn.random() < 0.7
        rows.append(
            Judged(
                one,
                other if pair else None,
                None if pair else drawn.choice(["good", "bad"]),
                image=f"{image}{n % 9}",
                query=query,
                annotator=who,
                source_id=f"row {n}",
                drop=drawn.choice(["one", "two"]),
            )
        )
    return rows


def oracle(rows: list[Judged]) -> dict[str, set[tuple[Any, ...]]]:
    """What the plan should say, row by row, in plain Python: kind, votes for and votes against by source id."""
    votes: dict[tuple[Any, ...], dict[bool, set[str]]] = {}
    sides = []
    for row in rows:
        low, high = (row.response, "") if row.rejected is None else sorted((row.response, row.rejected))
        side = row.label == "good" if row.rejected is None else row.response == low
        subject = (row.image, row.query, low, high)
        votes.setdefault(subject, {True: set(), False: set()})[side].add(row.annotator or row.source_id)
        sides.append((row.source_id, subject, side))
    told: dict[str, set[tuple[Any, ...]]] = {}
    for source, subject, side in sides:
        if subject[2] == subject[3]:
            told.setdefault(source, set()).add(("is_identical", None, None))
        elif all(votes[subject].values()):
            kind = "is_flip" if subject[3] else "is_good_and_bad"
            told.setdefault(source, set()).add((kind, len(votes[subject][side]), len(votes[subject][not side])))
    return told


def measured(spark: SparkSession, rows: list[Judged], **changed: Any) -> dict[str, set[tuple[Any, ...]]]:
    corpus = frames(spark, [replace(row, **changed) for row in rows])
    kinds = ("is_good_and_bad", "is_flip", "is_identical")
    return {
        source: {(kind, row["votes_for"], row["votes_against"]) for row in rows for kind in kinds if row[kind]}
        for source, rows in by_source(AUDIT.measure(corpus, AUDIT.settings), corpus["examples"]).items()
    }


def test_agrees_with_a_plain_reading_of_the_rows(spark: SparkSession) -> None:
    rows = random_rows(3, 400)
    told = measured(spark, rows)
    assert told == oracle(rows)
    assert len(told) > 100


def test_a_drop_delivered_twice_or_in_another_order_changes_nothing(spark: SparkSession) -> None:
    rows = random_rows(4, 150)
    twice = [*rows[::-1], *(replace(row, drop="a later copy") for row in rows)]
    assert measured(spark, twice) == measured(spark, rows)
    assert tables(rows)["preferences"].num_rows * 2 == tables(twice)["preferences"].num_rows
