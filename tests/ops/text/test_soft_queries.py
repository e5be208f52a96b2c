"""Queries that ask the same in other words."""

import pytest

from ops.text.soft_queries import fits_encoder, similarity, soft_query

LONG = "Describe what the people in the foreground are doing and what the weather seems to be like on that day"


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("What colour is the car?", "Please, what colour is the car in this image"),
        ("What's the man holding?", "What is the man holding in the picture?"),
        ("Is there a dog?", "is a dog there"),
        ("Is there a dog?", "One question: is there a dog?"),
        ("Is there a dog?", "I have two quick questions about this picture. Is there a dog"),
        ("Is there a dog?", "My last question is, is there a dog?"),
        ("Question 2: Is there a dog?", "Question three - is there a dog?"),
        ("Are there two dogs?", "I've got one more question: are there two dogs?"),
    ],
)
def test_wording_alone_does_not_matter(query: str, other: str) -> None:
    assert similarity(soft_query(query), soft_query(other)) == 1.0


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("Is there a dog?", "Is there a cat?"),
        ("Is the cat left of the dog?", "Is the dog left of the cat?"),
        ("Is the cup in the box?", "Is the cup on the box?"),
        ("Which one is not red?", "Which one is red?"),
        # A question that is shown is no announcement, nor is anything else before a colon.
        ("Are there three questions on the page?", "Are there four questions on the page?"),
        ("The first question, is it crossed out?", "The second question, is it crossed out?"),
        ("One dog: what colour is it?", "Two dogs: what colour is it?"),
        ("One question: is there one dog?", "One question: are there two dogs?"),
        (f"{LONG}, in 20 words.", f"{LONG}, in 50 words."),
        (f"{LONG}?", f"{LONG}, without the weather?"),
    ],
)
def test_what_decides_an_answer_does(query: str, other: str) -> None:
    assert similarity(soft_query(query), soft_query(other)) < 0.8


def test_long_queries_may_differ_in_a_word_and_are_found_by_a_piece() -> None:
    query, other = soft_query(LONG), soft_query(LONG.replace("foreground", "front part of it")[:-4])
    near = soft_query(f"{LONG} outside")
    assert similarity(soft_query(LONG), near) > 0.8
    assert set(query.pieces) & set(near.pieces)
    assert similarity(query, other) < 0.8


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("What colour is the car?", "Where is the car?"),
        ("How many dogs are there?", "Is there a dog?"),
        ("What is on the table?", "What is under the table?"),
        ("Is the door open?", "Is the door closed?"),
        ("Who holds the cup?", "What is the brand of the cup?"),
        ("Is the cup red?", "Is the cup blue?"),
        ("Are there two dogs?", "Are there 3 dogs?"),
        ("Is it a dog?", "Isn't it a dog?"),
    ],
)
def test_queries_about_one_thing_may_ask_for_another(query: str, other: str) -> None:
    first, second = soft_query(query), soft_query(other)
    assert (first.asked, first.marks) != (second.asked, second.marks)


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("Where is the photo taken?", "In what place was this picture taken?"),
        ("How many dogs are there?", "What is the number of dogs in the image?"),
        ("What colour is the car?", "Please tell me the color of the car."),
        ("Does the picture show a dog?", "Is a dog visible?"),
        ("Can you see a dog?", "Is there a dog?"),
        ("What animal is near the bridge?", "Which animal is near the bridge?"),
    ],
)
def test_other_words_may_ask_for_the_same(query: str, other: str) -> None:
    first, second = soft_query(query), soft_query(other)
    assert (first.asked, first.marks) == (second.asked, second.marks)


def test_only_queries_that_an_encoder_reads_to_the_end_are_compared_by_it() -> None:
    assert fits_encoder("word " * 40)
    assert not any(map(fits_encoder, (None, "", " ?", "word " * 41)))


SPANISH = (
    "Describe lo que hacen las personas que están en primer plano y el tiempo que parece hacer ese día en la ciudad"
)
GERMAN = "Beschreibe, was die Leute im Vordergrund tun und wie das Wetter an diesem Tag in der Stadt zu sein scheint"
CHINESE = "请 描述 图 中 前面 的 人 在 做 什么 以及 那 一 天 城市 的 天气 看起来 怎么样 还有 颜色"


@pytest.mark.parametrize("text", [SPANISH, GERMAN, CHINESE])
def test_in_other_languages_every_word_decides(text: str) -> None:
    words = text.split()
    negated = " ".join([*words[:-1], {SPANISH: "nunca", GERMAN: "nicht", CHINESE: "不"}[text], words[-1]])
    assert similarity(soft_query(text), soft_query(f"  {text.upper()} ?")) == 1.0
    assert similarity(soft_query(text), soft_query(negated)) == 0.0
    assert soft_query(text).marks != soft_query(negated).marks
    # "the" and "a" fill nothing there: "a" is "to" in Spanish.
    assert soft_query(text).marks != soft_query(f"{text} a").marks
