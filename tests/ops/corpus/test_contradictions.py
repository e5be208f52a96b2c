"""Contradictory judgements."""

import random
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contradictions import AUDIT
from ops.core.canonical import image_key, query_key
from ops.corpus.contradictions import FLAGS
from ops.corpus.cycles import suspects
from tests.support.corpora import Judged, by_source, frames, tables

FIVE, FOUR = [f"five {n}" for n in range(5)], [f"four {n}" for n in range(4)]
LONG = "word " * 1500
KINDS = ("is_good_and_bad", "is_flip", "is_identical", "in_cycle")
ROWS = [
    Judged("cat", label="good", source_id="good"),
    Judged("Cat", label="bad", source_id="bad"),
    Judged("cat", label="bad", source_id="other image", image="another"),
    Judged("cat", label="bad", source_id="other query", query="Where?"),
    Judged("kept", label="good", source_id="good only"),
    Judged("A b", "c", query="flip", source_id="for 1"),
    Judged("a  b", "c", query="flip", source_id="for 2"),
    Judged("c", "a b", query="flip", source_id="against"),
    Judged("a b", "d", query="flip", source_id="other pair"),
    Judged("x", "y", query="tie", source_id="tie 1"),
    Judged("y", "x", query="tie", source_id="tie 2"),
    Judged("y", "x", query="tie", source_id="tie 2", drop="two"),
    Judged("same", " Same", query="identical", source_id="identical"),
    *(Judged("u", "v", query="close", source_id=f"five {n}") for n in range(5)),
    *(Judged("v", "u", query="close", source_id=f"four {n}") for n in range(4)),
    Judged("k", "l", query="ring", source_id="k over l"),
    Judged("l", "m", query="ring", source_id="l over m"),
    Judged("m", "k", query="ring", source_id="m over k"),
    Judged("top", "k", query="ring", source_id="top over k"),
    Judged(f"{LONG} and so on", f"{LONG} or not", query="cut", source_id="cut"),
    Judged(f"other {LONG}", f"{LONG} other", query="cut", source_id="differs at the start"),
    Judged("fine", label="good", query="rated", rating=2, rating_scale=5, source_id="good but rated 2 of 5"),
    Judged("fair", label="bad", query="rated", rating=3, rating_scale=5, source_id="bad and rated 3 of 5"),
    Judged("off", label="bad", query="rated", rating=-1, rating_scale=5, source_id="rated -1"),
    *(Judged("far", label="good", query="rated", rating=10, rating_scale=10, source_id=f"ten {n}") for n in range(3)),
    Judged("far", label="good", query="rated", rating=1, rating_scale=10, source_id="one that should be ten"),
    Judged("m", "n", query="chain", source_id="m over n"),
    Judged("n", "o", query="chain", source_id="n over o"),
]


def measure(corpus: dict[str, DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """The audit's rows by the source id of their example."""
    return by_source(AUDIT.measure(corpus, AUDIT.settings), corpus["examples"])


@pytest.fixture(scope="module")
def measures(spark: SparkSession) -> dict[str, list[dict[str, Any]]]:
    return measure(frames(spark, ROWS))


def test_only_judgements_that_contradict_have_rows_and_each_its_kinds(
    measures: dict[str, list[dict[str, Any]]],
) -> None:
    kinds = {source: {kind for kind in FLAGS for row in rows if row[kind]} for source, rows in measures.items()}
    assert kinds == {
        **{key: {"is_good_and_bad"} for key in ("good", "bad")},
        **{key: {"is_flip"} for key in ("for 1", "for 2", "against", "tie 1", "tie 2", *FIVE, *FOUR)},
        **{key: {"in_cycle"} for key in ("k over l", "l over m", "m over k")},
        "identical": {"is_identical"},
        "cut": {"is_identical_when_cut"},
        "good but rated 2 of 5": {"is_score_conflict"},
        "rated -1": {"is_scale_error"},
        "one that should be ten": {"is_scale_error", "is_score_conflict"},
    }


def test_votes_and_what_follows(measures: dict[str, list[dict[str, Any]]]) -> None:
    def votes(source: str) -> set[tuple[Any, ...]]:
        columns = ("votes_for", "votes_against", "resolution", "side", "soft_label")
        return {tuple(row[c] for c in columns) for row in measures[source]}

    assert votes("for 1") == votes("for 2") == {(2, 1, "majority", "upheld", 0.666667)}
    assert votes("against") == {(1, 2, "majority", "overruled", 0.333333)}
    assert votes("five 0") == {(5, 4, "abstain", "undecided", 0.555556)}
    # The second row came twice and is one vote.
    assert votes("tie 1") == votes("tie 2") == {(1, 1, "tie", "undecided", 0.5)}
    assert len(measures["tie 2"]) == 4
    assert votes("identical") == {(None, None, None, None, None)}


def test_a_group_is_named_alike_in_all_its_rows(measures: dict[str, list[dict[str, Any]]]) -> None:
    groups = {source: {row["group_id"] for row in rows} for source, rows in measures.items()}
    assert groups["for 1"] == groups["for 2"] == groups["against"]
    assert groups["good"] == groups["bad"]
    assert len({g for source in ("for 1", "good", "tie 1", "five 0") for g in groups[source]}) == 4


@pytest.mark.full
def test_annotators_count_by_how_reliable_they_are(spark: SparkSession) -> None:
    drawn = random.Random(5)  # noqa: S311
    skill = {"ada": 0.95, "ben": 0.95, "chi": 0.95, "mal": 0.4, "ned": 0.4}
    rows = []
    for n in range(150):
        for who in drawn.sample(sorted(skill), 4):
            better, worse = ("a", "b") if drawn.random() < skill[who] else ("b", "a")
            rows.append(Judged(better, worse, query=f"query {n}", annotator=who, source_id=f"{who} {n}"))
    # Two reliable people against three who guess, and two reliable people against each other.
    rows += [Judged("a", "b", query="few", annotator=who, source_id=f"few {who}") for who in ("ada", "ben")]
    rows += [Judged("b", "a", query="few", annotator=who, source_id=f"few {who}") for who in ("mal", "ned")]
    rows += [Judged("b", "a", query="few", source_id="few nobody")]
    rows += [Judged("a", "b", query="taste", annotator="ada", source_id="taste ada")]
    rows += [Judged("b", "a", query="taste", annotator="ben", source_id="taste ben")]
    corpus = frames(spark, rows)
    measures = {source: rows_of_it[0] for source, rows_of_it in measure(corpus).items()}
    assert (measures["few ada"]["resolution"], measures["few ada"]["side"]) == ("posterior", "upheld")
    assert (measures["few mal"]["side"], measures["few mal"]["cause"]) == ("overruled", "noisy_annotator")
    assert (measures["taste ada"]["side"], measures["taste ada"]["cause"]) == ("undecided", "subjective")
    fitted = {who: next(row["reliability"] for s, row in measures.items() if s.startswith(who)) for who in skill}
    assert all(abs(fitted[who] - p) < 0.1 for who, p in skill.items())
    # The rows that say what the query was made to say are upheld, those that do not are not.
    sides = [row["side"] == "upheld" for row in measures.values() if row["resolution"] == "posterior"]
    assert sum(sides) / len(sides) > 0.5


def test_a_cycle_is_named_and_measured(measures: dict[str, list[dict[str, Any]]]) -> None:
    ring = [row for source in ("k over l", "l over m", "m over k") for row in measures[source]]
    assert len({row["cycle_id"] for row in ring}) == 1
    # Another response beats one of the three.
    assert {(row["cycle_size"], row["is_top_cycle"], row["side"]) for row in ring} == {(3, False, None)}


def test_a_context_with_too_many_pairs_says_so() -> None:
    names = ("context", "low_hash", "high_hash", "is_yes", "is_no")
    ring = [(1, 2, True, False), (1, 3, False, True), (2, 3, True, False)]
    rows = [(1, *pair) for pair in ring] + [(2, *pair) for pair in ring[:2]] + [(3, 1, 2, True, True)]
    rows += [(4, low + 10 * n, high + 10 * n, yes, no) for n in range(2) for low, high, yes, no in ring]
    rows += [(5, response, 0, True, False) for response in range(9)]
    subjects = pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    assert [tuple(row.values()) for row in suspects(subjects, most_pairs=5).to_pylist()] == [
        (1, True, False),
        (3, False, False),
        (4, False, True),
    ]


def random_rows(seed: int, count: int) -> list[Judged]:
    """Judgements of few responses by few people, so that most contradict."""
    drawn = random.Random(seed)  # noqa: S311
    rows = []
    for n in range(count):
        image, query = drawn.choice("ij"), drawn.choice("pq")
        better, worse = (drawn.choice("abcd") for _ in range(2))
        who = drawn.choice(["ada", "ben", None])
        pair = drawn.random() < 0.7
        rows.append(
            Judged(
                better,
                worse if pair else None,
                None if pair else drawn.choice(["good", "bad"]),
                image=f"{image}{n % 9}",
                query=query,
                annotator=who,
                source_id=f"row {n}",
                drop=drawn.choice(["one", "two"]),
            )
        )
    return rows


def on_cycles(votes: dict[tuple[Any, ...], dict[bool, set[str]]]) -> set[tuple[Any, ...]]:
    """Subjects whose two responses beat each other by way of others, each step won by a majority."""
    beats: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for (image, query, low, high), sides in votes.items():
        if high and low != high and len(sides[True]) != len(sides[False]):
            winner, loser = (low, high) if len(sides[True]) > len(sides[False]) else (high, low)
            beats.setdefault((image, query), set()).add((winner, loser))
    ring = set()
    for context, edges in beats.items():
        reach = set(edges)
        for _ in range(8):
            reach |= {(a, d) for a, b in reach for c, d in reach if b == c}
        ring |= {(*context, *sorted(edge)) for edge in edges if edge[::-1] in reach}
    return ring


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
    expected: dict[str, set[tuple[Any, ...]]] = {}
    cyclic = on_cycles(votes)
    for source, subject, side in sides:
        if subject in cyclic:
            expected.setdefault(source, set()).add(("in_cycle", None, None))
        if subject[2] == subject[3]:
            expected.setdefault(source, set()).add(("is_identical", None, None))
        elif all(votes[subject].values()):
            kind = "is_flip" if subject[3] else "is_good_and_bad"
            expected.setdefault(source, set()).add((kind, len(votes[subject][side]), len(votes[subject][not side])))
    return expected


def measured(spark: SparkSession, rows: list[Judged], **changed: Any) -> dict[str, set[tuple[Any, ...]]]:
    corpus = frames(spark, [replace(row, **changed) for row in rows])

    def kind_and_votes(row: dict[str, Any], kind: str) -> tuple[Any, ...]:
        return (kind, None, None) if kind == "in_cycle" else (kind, row["votes_for"], row["votes_against"])

    return {
        source: {kind_and_votes(row, kind) for row in rows for kind in KINDS if row[kind]}
        for source, rows in by_source(AUDIT.measure(corpus, AUDIT.settings), corpus["examples"]).items()
    }


@pytest.mark.full
def test_agrees_with_a_plain_reading_of_the_rows(spark: SparkSession) -> None:
    rows = random_rows(3, 400)
    measures = measured(spark, rows)
    assert measures == oracle(rows)
    assert {kind for rows in measures.values() for kind, *_ in rows} == set(KINDS)


@pytest.mark.full
def test_a_drop_delivered_twice_or_in_another_order_changes_nothing(spark: SparkSession) -> None:
    rows = random_rows(4, 150)
    twice = [*rows[::-1], *(replace(row, drop="a later copy") for row in rows)]
    assert measured(spark, twice) == measured(spark, rows)
    assert tables(rows)["preferences"].num_rows * 2 == tables(twice)["preferences"].num_rows


@pytest.mark.full
def test_one_image_with_very_many_judgements_and_no_query_is_too_large_but_counted(spark: SparkSession) -> None:
    count = 100_000
    near = F.pmod(F.xxhash64("id"), F.lit(30_000))
    # Row n prefers a response to one a few places further on; the first hundred do so both ways.
    better = F.when(F.col("id") < 200, F.floor(F.col("id") / 2)).otherwise(near)
    worse = better + F.when(F.col("id") < 200, 30_000).otherwise(1 + F.pmod(F.xxhash64("id", F.lit(1)), F.lit(9)))
    turned = (F.col("id") < 200) & (F.col("id") % 2 == 1)
    keys = {
        "response_key": F.md5(F.when(turned, worse).otherwise(better).cast("string")),
        "opponent_key": F.md5(F.when(turned, better).otherwise(worse).cast("string")),
        "delivery": F.lit("d"),
        "example_id": F.concat(F.lit("e"), "id"),
        "judgement_id": F.concat(F.lit("j"), "id"),
        "label": F.lit("chosen"),
        "annotator": F.concat(F.lit("annotator "), F.col("id") % 50),
        "image_key": F.lit(image_key(["picture"])),
        "query_key": F.lit(query_key("")),
        "query": F.lit(""),
    }
    empty = tables([])["preferences"]
    rows = spark.range(count).withColumns(keys).drop("id")
    preferences = rows.unionByName(spark.createDataFrame(empty), allowMissingColumns=True)
    measures = AUDIT.measure({"preferences": preferences, "examples": frames(spark, [])["examples"]}, AUDIT.settings)
    counts = measures.agg(
        F.count("*").alias("rows"),
        F.count_if("is_cycle_too_large").alias("too_large"),
        F.count_if("in_cycle").alias("cyclic"),
        F.count_if("is_flip").alias("flips"),
    ).first()
    assert counts is not None
    assert counts.asDict() == {"rows": count, "too_large": count, "cyclic": 0, "flips": 200}
