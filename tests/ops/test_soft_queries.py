"""Queries that ask the same in other words."""

import pytest

from ops.soft_queries import similarity, soft_query

LONG = "Describe what the people in the foreground are doing and what the weather seems to be like on that day"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What colour is the car?", "Please, what colour is the car in this image"),
        ("What's the man holding?", "What is the man holding in the picture?"),
        ("Is there a dog?", "is a dog there"),
    ],
)
def test_wording_alone_does_not_matter(one: str, other: str) -> None:
    assert similarity(soft_query(one), soft_query(other)) == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is there a dog?", "Is there a cat?"),
        ("Is the cat left of the dog?", "Is the dog left of the cat?"),
        ("Is the cup in the box?", "Is the cup on the box?"),
        ("Which one is not red?", "Which one is red?"),
        (f"{LONG}, in 20 words.", f"{LONG}, in 50 words."),
        (f"{LONG}?", f"{LONG}, without the weather?"),
    ],
)
def test_what_decides_an_answer_does(one: str, other: str) -> None:
    assert similarity(soft_query(one), soft_query(other)) < 0.8


def test_long_queries_may_differ_in_a_word_and_are_found_by_a_piece() -> None:
    one, other = soft_query(LONG), soft_query(LONG.replace("foreground", "front part of it")[:-4])
    near = soft_query(f"{LONG} outside")
    assert similarity(soft_query(LONG), near) > 0.8
    assert set(one.pieces) & set(near.pieces)
    assert similarity(one, other) < 0.8
