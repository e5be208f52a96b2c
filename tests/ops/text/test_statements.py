import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.language import NOT_ENGLISH
from ops.text.statements import make_statement, rewrite

STATEMENTS = [
    ("What color is the circle?", "red", "The circle is red."),
    ("what is the color of the shape?", "teal", "The shape is teal."),
    ("what is the blue shape?", "rectangle", "The blue shape is a rectangle."),
    ("what shape is in the image?", "circle", "There is a circle in the image."),
    ("what shape does the image contain?", "rectangle", "The image contains a rectangle."),
    ("what shape is present?", "triangle", "There is a triangle."),
    ("How many dogs are there?", "2", "There are 2 dogs."),
    ("How many people are in the image?", "one", "There is one person in the image."),
    ("How many dogs are sitting on the couch?", "3", "3 dogs are sitting on the couch."),
    ("What is the man holding?", "racket", "The man is holding a racket."),
    ("What is the man doing?", "surfing", "The man is surfing."),
    ("What is on the table?", "pizza", "A pizza is on the table."),
    ("What is the chair made of?", "wood", "The chair is made of wood."),
    ("What animal is this?", "cat", "This is a cat."),
    ("What sport is being played?", "tennis", "The sport being played is tennis."),
    ("What time is it?", "noon", "It is noon."),
    ("Where is the cat?", "on the couch", "The cat is on the couch."),
    ("Who is holding the umbrella?", "the woman", "The woman is holding the umbrella."),
    ("Is the light on or off?", "off", "The light is off."),
    ("Why?", "wind", "Why? Wind."),
    ("<image>\nDescribe the image.", "A man rides a horse.", "A man rides a horse."),
    ("Describe it.", "red car", "Red car."),
    ("", "a red car", "A red car."),
    ("Is the woman smiling?", "Yes, she is smiling at us.", "She is smiling at us."),
    ("Here is a photo. What color is the car?\nAnswer the question using a single word.", "red", "The car is red."),
    ("What is this?\nA. cat\nB. dog\nAnswer with the option's letter.", "B", "This is a dog."),
]

POLAR = [
    ("is no rectangle present?", "yes", "No rectangle is present.", True),
    ("is no rectangle present?", "no", "A rectangle is present.", False),
    ("is a red shape present?", "no", "No red shape is present.", True),
    ("is a red shape present?", "yes", "A red shape is present.", False),
    ("is there a yellow shape?", "no", "There is no yellow shape.", True),
    ("is there not a yellow shape in the image?", "yes", "There is no yellow shape in the image.", True),
    ("is there not a yellow shape in the image?", "no", "There is a yellow shape in the image.", False),
    ("does the image not contain a brown shape?", "yes", "The image does not contain a brown shape.", True),
    ("does the image contain a brown shape?", "Yes.", "The image contains a brown shape.", False),
    ("Is the man wearing a hat?", "No", "The man is not wearing a hat.", True),
    ("Is the sky blue?", "yes", "The sky is blue.", False),
    ("Is it raining?", "no", "It is not raining.", True),
    ("Are there any people?", "no", "There are no people.", True),
    ("Is the dog visible?", "no", "The dog is not visible.", True),
    ("Does the man have a beard?", "yes", "The man has a beard.", False),
]

UNINFORMATIVE = [
    ("What is this?", ""),
    ("What is this?", "..."),
    ("What is this?", "B"),
    ("What is this?", "I don't know."),
    ("What is this?", "unanswerable"),
    ("thanks", "You're welcome!"),
    ("Describe the image.", "yes"),
]


@pytest.mark.parametrize(("question", "answer", "expected"), STATEMENTS)
def test_rewrites_common_questions(question: str, answer: str, expected: str):
    statement = make_statement(question, answer)
    assert statement.text == expected
    assert not statement.uninformative
    assert not statement.negated


@pytest.mark.parametrize(("question", "answer", "expected", "negated"), POLAR)
def test_affirms_and_denies(question: str, answer: str, expected: str, negated: bool):
    statement = make_statement(question, answer)
    assert (statement.text, statement.negated, statement.uninformative) == (expected, negated, "")


@pytest.mark.parametrize(("question", "answer"), UNINFORMATIVE)
def test_says_when_no_image_could_matter(question: str, answer: str):
    assert make_statement(question, answer).uninformative


OTHERS = [
    ("¿De qué color es el coche?", "rojo"),
    ("¿De qué color es el coche?", "A red car stands in the street."),
    ("What do you see in the picture?", "Hay dos perros en la foto, y una niña."),
    ("Was für eine Farbe hat das Auto?", "rot"),
    ("", "Auf dem Bild sind zwei Hunde zu sehen."),
    ("这辆车是什么颜色的？", "红色"),
    ("图片里有几只狗？", "2"),
]


@pytest.mark.parametrize(("question", "answer"), OTHERS)
def test_other_languages_are_uninformative(question: str, answer: str):
    assert make_statement(question, answer).uninformative == NOT_ENGLISH


@pytest.mark.parametrize(("question", "answer", "expected"), STATEMENTS)
def test_other_answers_to_an_english_question_are_made_into_the_same(question: str, answer: str, expected: str):
    assert rewrite(question, answer) == make_statement(question, answer)


def test_a_foreign_name_is_no_other_language():
    assert not make_statement("What does the sign say?", "Boulangerie de la Gare").uninformative
    assert not make_statement("Who painted it?", "Diego Velázquez").uninformative


QUESTION_WORDS = "is are does what color shape how many where who the a no not there of image in red 2 dogs yes or"
WORDS = st.sampled_from([*QUESTION_WORDS.split(), "A.", "B)", "?", ".", "\n", ""])
TEXT = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join))


@given(TEXT, TEXT)
def test_never_raises_and_repeats_itself(question: str, answer: str):
    first = make_statement(question, answer)
    assert first == make_statement(question, answer)
    assert first.text or first.uninformative


@given(st.sampled_from(["red", "dog", "2", "a man", "wooden table"]), TEXT)
def test_keeps_the_answer(answer: str, question: str):
    assert answer in make_statement(question + " what?", answer).text.lower()


def test_hostile_length_takes_no_time():
    started = time.perf_counter()
    make_statement("answer what is the " * 50_000 + "?", "is a no not " * 50_000)
    assert time.perf_counter() - started < 2
