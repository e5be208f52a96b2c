"""What rationales state."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.rationales import Stated, rationales


def stated(**metadata: object) -> list[Stated]:
    return list(rationales(json.dumps(metadata)))


@pytest.mark.parametrize(
    ("text", "rating", "scale"),
    [
        ("It invents a dog, so 2 out of 5.", 2, 5),
        ("I give it 9/10.", 9, 10),
        ("The rating is 1 because nothing fits.", 1, None),
        ("Score: 4", 4, None),
        ("Rating: 3/5, and again 3/5", 3, 5),
        ("I would rate this 4.5 out of 5.", 4.5, 5),
    ],
)
def test_ratings_in_words(text: str, rating: float, scale: float | None) -> None:
    assert stated(rationale=text) == [Stated(None, rating, scale)]


@pytest.mark.parametrize(
    "text",
    [
        "Good.",
        "It names 4 out of 5 objects.",
        "3/5 for style, 1/5 for truth",
        "The score is 90%.",
        "The date is 2024/10/05.",
        "12/10 would read again",
        "A rating is given later, 5 people agree",
        "Esta respuesta es mucho mejor que la otra, que se escribió el 3/10 por la tarde.",
        "Die Antwort wurde am 3/10 geschrieben und nennt alle Hunde auf dem Bild.",
        "这个回答写于 3/10 ，比另一个好得多。",
    ],
)
def test_what_is_vague_says_nothing(text: str) -> None:
    assert stated(critique=text) == []


def test_places_sides_and_what_stands_beside() -> None:
    aspect = {"Rating": "5", "Rationale": "It deserves 1 out of 5.", "annotator": "ann"}
    assert stated(responses=[{}, {"annotations": {"Truth": aspect}}]) == [Stated(1, 1, 5, beside=5, annotator="ann")]
    assert stated(chosen_rationale="2/10") == [Stated("chosen", 2, 10)]
    assert stated(rejected={"explanation": "8/10"}) == [Stated("rejected", 8, 10)]
    assert stated(title="2/10", rating=5) == []


def test_verdicts_against_the_label() -> None:
    assert stated(rationale="The rejected answer is clearly better.") == [Stated(None, against=True)]
    assert stated(feedback="Overall the chosen response was less accurate.") == [Stated(None, against=True)]
    assert stated(rationale="The chosen response is better, the rejected one is worse.") == []


@given(st.none() | st.text() | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps))
def test_any_metadata_is_read(metadata: str | None) -> None:
    assert not [one for one in rationales(metadata) if one.rating is None and not one.against]
