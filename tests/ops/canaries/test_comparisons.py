"""Canaries of audits that compare the corpus: copies and contradictions of own rows, with nothing else changed."""

import io
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from ops.canaries.comparisons import (
    ANSWERED,
    COPIED,
    EXCHANGED,
    KINDS,
    NEAR_REJECTED,
    REENCODED,
    REJECTED,
    REWORDED,
    Comparisons,
    canary_delivery,
    comparisons,
    pictures_of,
)
from ops.canaries.rows import MARK
from ops.core.identity import image_id
from ops.intake.rows import IngestSettings
from ops.text.turn_rows import turn_rows
from tests.support.corpora import Dialogue, Judged, tables

LONG = "Two men stand beside a red bus in the street while a dog runs over the grass and children look at it from afar."


def jpeg(number: int) -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, "JPEG")
    return data.getvalue()


def made_of(seed: int = 0, each: int = 9) -> tuple[dict[str, pa.Table], Comparisons]:
    pictures = {image_id(data): data for data in map(jpeg, range(4))}
    names = list(pictures)
    rows: list[Judged | Dialogue] = [
        Dialogue([("What is it?", f"thing {n}"), ("Describe it.", f"{LONG} {n}")], image=names[n % 4]) for n in range(5)
    ]
    rows += [Dialogue([("How many are there?", "four"), ("Is it red?", "No.")], image=None)]
    rows += [Judged(f"sound {n}", f"poor picture of a thing {n}", image=names[n % 4], rating=5) for n in range(5)]
    rows += [Judged("the same", "The same"), Judged("alone", label="good")]
    given = tables(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    wanted = pictures_of(given["examples"], each=each)
    assert set(wanted) <= set(names)
    shuffled = given["examples"].take(pa.array(order))
    return given, comparisons(shuffled, given["preferences"], pictures, IngestSettings(), each=each)


def rows_by_fault(made: Comparisons) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {fault: [] for fault in KINDS}
    for row in made.examples.to_pylist():
        rows[made.faults[row["example_id"]]].append(row)
    return rows


def test_each_kind_is_made_of_the_rows_that_can_have_it() -> None:
    given, made = made_of()
    assert Counter(made.faults.values()) == {
        COPIED: 6,
        REWORDED: 5,
        REENCODED: 5,
        EXCHANGED: 5,
        ANSWERED: 1,
        REJECTED: 6,
        NEAR_REJECTED: 5,
    }
    assert all(name.startswith(MARK) for name in made.faults)
    assert set(made.examples["delivery"].to_pylist()) == {canary_delivery("one-0")}
    assert not {*made.faults} & {*given["examples"]["example_id"].to_pylist()}
    assert made_of(seed=1)[1].examples.equals(made.examples)
    assert max(Counter(made_of(each=2)[1].faults.values()).values()) == 2


def test_a_copy_says_and_shows_the_same() -> None:
    given, made = made_of()
    own = turn_rows(given["examples"])["dialogues"].to_pylist()
    keys = {row["dialogue_key"] for row in own}
    copies = turn_rows(made.of([COPIED]).examples)["dialogues"].to_pylist()
    assert {row["dialogue_key"] for row in copies} <= keys
    others = turn_rows(made.of([REWORDED, REENCODED]).examples)["dialogues"].to_pylist()
    assert not {row["dialogue_key"] for row in others} & keys


def test_a_phrase_is_reworded_and_the_rest_stays() -> None:
    given, made = made_of()
    own = {row["example_id"]: row for row in given["examples"].to_pylist()}
    for row in rows_by_fault(made)[REWORDED]:
        before = own[row["example_id"].rsplit("-", 1)[1]]
        texts = [[m["parts"][-1]["text"] for m in each["messages"]] for each in (before, row)]
        assert texts[0][:3] == texts[1][:3]
        assert 0 < len(set(texts[1][3].split()) ^ set(texts[0][3].split())) <= 6
        assert row["image_ids"] == before["image_ids"]


def test_a_picture_is_stored_anew_and_known_by_its_own_facts() -> None:
    given, made = made_of()
    facts = {row["image_id"]: row for row in made.images.to_pylist()}
    known = {image for ids in given["examples"]["image_ids"].to_pylist() for image in ids or ()}
    assert facts
    assert not set(facts) & known
    for row in rows_by_fault(made)[REENCODED]:
        (image,) = row["image_ids"]
        assert row["messages"][0]["parts"][0]["image_id"] == image
        assert (facts[image]["width_px"], facts[image]["format"], facts[image]["bytes"]) == (72, "JPEG", None)
        assert len(facts[image]["perceptual_hash"]) == 16


def test_an_exchanged_pair_says_the_opposite() -> None:
    given, made = made_of()
    own = {(row["example_id"], row["label"]): row for row in given["preferences"].to_pylist()}
    for row in made.preferences.to_pylist():
        before = own[row["example_id"].rsplit("-", 1)[1], row["label"]]
        assert (row["response"], row["opponent"]) == (before["opponent"], before["response"])
        assert (row["response_key"], row["opponent_key"]) == (before["opponent_key"], before["response_key"])
        assert (row["query_key"], row["image_key"]) == (before["query_key"], before["image_key"])
        assert row["judgement_id"].startswith(MARK)
        assert row["rating"] == before["rating"]
    for row in rows_by_fault(made)[EXCHANGED]:
        texts = {message["role"]: message["parts"][-1]["text"] for message in row["messages"][1:]}
        assert texts["chosen"].startswith("poor")
        assert texts["rejected"].startswith("sound")


def test_a_rejected_response_becomes_the_answer_to_the_same_question() -> None:
    given, made = made_of()
    judged = [row for row in given["preferences"].to_pylist() if row["label"] == "rejected"]
    keys = {tuple(row[name] for name in ("image_key", "query_key", "response_key")) for row in judged}
    for fault in (REJECTED, NEAR_REJECTED):
        turns = turn_rows(made.of([fault]).examples)["turns"].to_pylist()
        assert {row["kind"] for row in rows_by_fault(made)[fault]} == {"sft"}
        taught = [tuple(row[name] for name in ("image_key", "query_key", "response_key")) for row in turns]
        assert taught
        assert {key[:2] for key in taught} <= {key[:2] for key in keys}
        assert bool(keys & {*taught}) == (fault == REJECTED)


def test_a_closed_answer_says_the_opposite_and_no_other_row_is_touched() -> None:
    given, made = made_of()
    turns = [turn_rows(table)["turns"].to_pylist() for table in (given["examples"], made.of([ANSWERED]).examples)]
    before = [row for row in turns[0] if row["answer_kind"] in ("number", "yes_no")]
    assert [(row["answer_kind"], row["query_key"]) for row in before] == [
        (row["answer_kind"], row["query_key"]) for row in turns[1]
    ]
    assert sum(row["answer"] != other["answer"] for row, other in zip(before, turns[1], strict=True)) == 1


@pytest.mark.parametrize("fault", KINDS)
def test_those_of_a_fault_are_told_apart(fault: str) -> None:
    made = made_of()[1].of([fault])
    assert set(made.faults.values()) == {fault}
    assert set(made.examples["example_id"].to_pylist()) == set(made.faults)
    assert bool(made.preferences.num_rows) == (fault == EXCHANGED)
