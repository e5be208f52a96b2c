"""Claims read from questions, answers and sentences; and what is no claim."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.claims.texts import KINDS, MOST_CLAIMS, read_claims
from ops.vision.colours import WORDS


def claims_of(query: str, answer: str) -> list[tuple[str, str, str, bool]]:
    return [(claim.kind, claim.subject, claim.value, claim.is_denied) for claim in read_claims(query, answer)]


@pytest.mark.parametrize(
    ("query", "answer", "expected"),
    [
        ("What color is the circle?", "red", ("colour", "circle", "red", False)),
        ("What is the colour of the car?", "It's gray.", ("colour", "car", "grey", False)),
        ("Is there a red shape?", "no", ("colour", "shape", "red", True)),
        ("Is the circle red?", "Yes", ("colour", "circle", "red", False)),
        ("is there not a teal shape in the image?", "yes", ("colour", "shape", "teal", True)),
        ("is no blue shape present?", "no", ("colour", "shape present", "blue", False)),
        ("How many dogs are there?", "two", ("count", "dogs", "2", False)),
        ("Does the image contain a triangle?", "yes", ("presence", "triangle", "yes", False)),
        ("Is the man smiling?", "no", ("yes_no", "", "no", True)),
        ("What shape is present?", "circle", ("presence", "", "circle", False)),
        ("What does the sign say?", "Main Street East.", ("text", "", "Main Street East", False)),
        ("What number is on the bus?", "42", ("text", "", "42", False)),
        ("What is written on the wall?", "'Hello'", ("text", "", "Hello", False)),
    ],
)
def test_answers_to_closed_questions(query: str, answer: str, expected: tuple[str, str, str, bool]):
    assert claims_of(query, answer) == [expected]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("A red car is parked next to two blue trucks.", [("red", "car"), ("2", "blue trucks"), ("blue", "trucks")]),
        ("The kitchen is yellow.", [("yellow", "kitchen")]),
        ("A black and white cat on a sofa.", [("black", "cat"), ("white", "cat")]),
        ("Four people wait at a crossing.", [("4", "people")]),
        ('A sign that says "STOP" on a pole here.', [("STOP", "")]),
    ],
)
def test_claims_of_sentences(sentence: str, expected: list[tuple[str, str]]):
    claims = [(claim.value, claim.subject) for claim in read_claims("Describe the image.", sentence)]
    assert sorted(claims) == sorted(expected)


@pytest.mark.parametrize(
    "sentence",
    [
        "A black and white photo of a dog on a bench.",
        "She drinks white wine with her friends at noon.",
        "A glass of orange juice stands on the table.",
        "There is no red car anywhere in the picture.",
        "It took them two hours to reach the top.",
        "The children play happily in the garden.",
    ],
)
def test_what_only_looks_like_a_claim(sentence: str):
    assert claims_of("Describe the image.", sentence) == []


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("Describe la imagen.", 'Una pared beige detrás de dos sillas y un letrero con el texto "ALTO".'),
        ("Beschreibe das Bild.", "Ein Mann trägt eine orange Tasche und steht auf der Straße."),
        ("请描述这张图片。", '牌子上写着 text "停"。'),
    ],
)
def test_other_languages_claim_nothing(query: str, answer: str):
    assert claims_of(query, answer) == []


@pytest.mark.parametrize(("query", "answer"), [("What is this?", "Sorry, I cannot tell."), ("", "yes"), ("", "")])
def test_answers_that_say_nothing(query: str, answer: str):
    assert claims_of(query, answer) == []


@pytest.mark.parametrize(
    ("sentence", "subject"),
    [
        ("A black poodle standing on a red carpet.", "poodle"),
        ("A white cat feeding its kittens at home.", "cat"),
        ("A gray office building stands at a corner.", "office building"),
    ],
)
def test_what_a_thing_does_is_no_part_of_its_name(sentence: str, subject: str):
    assert read_claims("Describe the image.", sentence)[0].subject == subject


def test_written_text_is_one_claim_however_it_is_told():
    (read,) = read_claims("What does the sign say?", "STOP")
    (claim,) = read_claims("What does the sign say?", 'It is a sign that says "Stop".')
    assert (read.statement, read.question) == (claim.statement, claim.question)


def test_foils_differ_from_the_claim_in_one_word():
    (claim,) = read_claims("Describe the image.", "A man stands behind a gray car on the street.")
    assert "A man stands behind a red car on the street." in claim.foils
    assert not any("gray" in foil for foil in claim.foils)
    (count,) = read_claims("How many dogs are there?", "2")
    assert count.foils == ("There are 0 dogs.", "There is 1 dog.", "There are 3 dogs.", "There are 4 dogs.")
    (polar,) = read_claims("Is there a dog?", "yes")
    assert (polar.statement, polar.foils) == ("There is a dog.", ("There is no dog.",))


def test_only_the_first_claims_of_a_long_answer_are_kept():
    answer = " ".join(f"There is a {colour} thing here." for colour in list(WORDS)[:20])
    assert [claim.value for claim in read_claims("Describe it.", answer)] == list(WORDS)[:MOST_CLAIMS]


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_read(query: str, answer: str):
    claims = read_claims(query, answer)
    assert all(claim.kind in KINDS and claim.statement for claim in claims)


@pytest.mark.parametrize("piece", ['says "', "the red ", "two ", "an orange ", "no a ", "how many "])
def test_hostile_repetition_takes_no_time(piece: str):
    started = time.process_time()
    read_claims(piece * 20_000 + "?", piece * 20_000)
    read_claims("is there " + piece * 20_000 + "?", "yes")
    read_claims(piece * 20_000 + "?", "2")
    read_claims("what color is " + piece * 20_000 + "?", "red")
    assert time.process_time() - started < 2
