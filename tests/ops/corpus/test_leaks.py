"""Preference data among SFT targets."""

import random
from dataclasses import replace

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ops.audits.reward_leaks import AUDIT
from tests.support.corpora import Dialogue, Judged, by_source, frames

WORDS = [f"{a}{b}" for a in ("ba", "ko", "lim", "ru", "sten", "va", "mo", "ti") for b in ("da", "ge", "ni", "so", "pu")]
Q = "Describe the picture."


def edited(text: str, share: float, drawn: random.Random) -> str:
    """The text with a share of its words replaced by others."""
    words = text.split()
    for n in drawn.sample(range(len(words)), round(share * len(words))):
        words[n] = drawn.choice([w for w in WORDS if w != words[n]])
    return " ".join(words)


@pytest.mark.full
def test_edited_rejected_answers_are_found_and_chosen_ones_are_not(spark: SparkSession) -> None:
    drawn = random.Random(1)  # noqa: S311
    rows: list[Judged | Dialogue] = []
    for n in range(60):
        rejected, sound = (" ".join(drawn.choices(WORDS, k=24)) for _ in range(2))
        picture = f"picture {n}"
        chosen = edited(rejected, 0.4, drawn)
        rows.append(Judged(chosen, rejected, query=Q, image=picture, source_id=f"pair {n}", dataset="kept back"))
        rows += [
            Dialogue(((Q, edited(rejected, share, drawn)),), image=picture, source_id=f"edited {share} {n}")
            for share in (0.1, 0.2, 0.3)
        ]
        rows.append(
            Dialogue((("Say what you see.", edited(rejected, 0.05, drawn)),), image="x", source_id=f"elsewhere {n}")
        )
        rows.append(Dialogue(((Q, edited(chosen, 0.1, drawn)),), image=picture, source_id=f"chosen {n}"))
        rows.append(Dialogue(((Q, sound),), image=picture, source_id=f"sound {n}"))
    rows.append(Judged("yes", "no", query="Both?", source_id="both"))
    rows += [Dialogue((("Both?", answer),), source_id=f"both {answer}") for answer in ("yes", "no", "perhaps")]
    tables = frames(spark, rows)
    settings = replace(AUDIT.settings, held_out=("kept back",))
    measures = by_source(AUDIT.measure(tables, settings), tables["examples"])
    near = [source for source, (row, *_) in measures.items() if row["is_near_rejected"]]
    recall = {kind: sum(source.startswith(kind) for source in near) / 60 for kind in ("edited 0.1", "edited 0.2")}
    recall |= {kind: sum(source.startswith(kind) for source in near) / 60 for kind in ("edited 0.3", "elsewhere")}
    assert min(recall["edited 0.1"], recall["edited 0.2"], recall["elsewhere"]) > 0.95, recall
    assert recall["edited 0.3"] > 0.7, recall
    assert not [source for source in near if source.startswith(("chosen", "sound", "both"))]
    assert {source for source, (row, *_) in measures.items() if row["is_both_sides"]} == {"both yes", "both no"}
    held = [source for source, (row, *_) in measures.items() if row["is_held_out_prompt"]]
    assert len(held) == 60 * 5
    assert not [source for source in held if source.startswith(("elsewhere", "both"))]


@pytest.mark.full
def test_a_phrase_that_thousands_repeat_makes_no_pair_of_each_two(spark: SparkSession) -> None:
    phrase = "A quiet street with a few parked cars and tall green trees under a clear sky"
    rows: list[Judged | Dialogue] = []
    for n in range(3000):
        rows.append(
            Judged(f"good answer number {n} here", f"{phrase}.", query=f"{n}", image=f"j{n}", source_id=f"p{n}")
        )
        rows.append(Dialogue(((f"{n}", f"{phrase} today."),), image=f"s{n}", source_id=f"said {n}"))
    tables = frames(spark, rows)
    measures = by_source(AUDIT.measure(tables, AUDIT.settings), tables["examples"])
    assert len(measures) == 3000
    assert {(row["is_near_rejected"], row["same_query"]) for told in measures.values() for row in told} == {
        (True, True)
    }


@pytest.mark.full
def test_what_was_chosen_about_another_picture_excuses_nothing(spark: SparkSession) -> None:
    street, kitchen = (
        "a red bus stands in a narrow street beside a shop",
        "a woman cuts bread on a table in a bright kitchen",
    )
    rows: list[Judged | Dialogue] = [
        Judged(street, kitchen, query=Q, image="street", source_id="pair"),
        Judged(kitchen, street, query=Q, image="kitchen", source_id="other pair"),
        Dialogue(((Q, f"{kitchen} today"),), image="street", source_id="taught"),
        Dialogue(((Q, f"{street} today"),), image="street", source_id="sound"),
        Dialogue(((Q, f"{street} today"),), image="elsewhere", source_id="chosen and rejected"),
    ]
    tables = frames(spark, rows)
    measures = by_source(AUDIT.measure(tables, AUDIT.settings), tables["examples"])
    assert [source for source, (row,) in measures.items() if row["by_words"]] == ["taught"]


REJECTED, CHOSEN = "the small dog sleeps on an old sofa", "the large cat walks along the garden wall"
ANSWERS = {
    "paraphrase": ("a little hound naps upon some aged couch", [1, 0.2, 0]),
    "both": ("here a hound rests as felines stroll outside", [1, 0.9, 0]),
    "chosen": ("one big feline strolls by a fence outside", [0.2, 1, 0]),
    "other": ("two red lorries stand before some high tower", [0.1, 0.1, 1]),
    "elsewhere": ("some tiny hound dozes on the ancient settee", [1, 0, 0]),
    "not embedded": ("that wee hound slumbers on their elderly divan", None),
}


@pytest.mark.full
def test_a_rejected_answer_in_other_words_is_found_by_its_vector_alone(spark: SparkSession) -> None:
    rows: list[Judged | Dialogue] = [
        Judged(CHOSEN, REJECTED, query=Q, source_id="pair"),
        Judged(CHOSEN, REJECTED, query="And now?", source_id="pair of another query"),
        # Where nothing was chosen there is nothing to hold an answer against.
        Judged(REJECTED, label="bad", query=Q, image="no choice", source_id="alone"),
        Dialogue(((Q, REJECTED),), source_id="verbatim"),
        Dialogue(((Q, ANSWERS["paraphrase"][0]),), image="no choice", source_id="unopposed"),
    ]
    rows += [
        Dialogue(((Q, text),), image="another" if name == "elsewhere" else "picture", source_id=name)
        for name, (text, _) in ANSWERS.items()
    ]
    vectors = {text: np.array(vector) for text, vector in ANSWERS.values() if vector}
    tables = frames(spark, rows, vectors=vectors | {REJECTED: np.array([1, 0, 0]), CHOSEN: np.array([0, 1, 0])})
    measures = by_source(AUDIT.measure(tables, AUDIT.settings), tables["examples"])
    ways = {
        source: (row["by_words"], row["by_meaning"]) for source, (row,) in measures.items() if row["is_near_rejected"]
    }
    assert ways == {"verbatim": (True, True), "paraphrase": (False, True)}
    (row,) = measures["paraphrase"]
    assert (row["cosine"], row["chosen_cosine"]) == pytest.approx((0.9806, 0.1961), abs=1e-3)
    assert (row["similarity"], row["same_query"]) == (None, True)
    sources = {one["example_id"]: one["source_id"] for one in tables["examples"].collect()}
    assert sources[row["judgement_example_id"]] == "pair"
    unread = AUDIT.measure({**tables, "embeddings": tables["embeddings"].limit(0)}, AUDIT.settings)
    assert [row["by_meaning"] for row in unread.where("is_near_rejected").collect()] == [False]
