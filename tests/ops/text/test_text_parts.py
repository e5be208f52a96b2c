"""Sentences and noun phrases of long texts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.text_parts import MOST_PARTS, split_parts

BEACH = (
    "The image features a man riding a brown horse along the sandy beach at sunset. He is wearing a red hat. "
    "In the background, there are several boats and a wooden pier with two seagulls resting on it."
)
TABLE = (
    "The dining table is set with plates of broccoli, noodles, and meat, next to a glass of water while a cozy living "
    "room can be seen behind it."
)


def test_sentences_and_phrases_of_a_description() -> None:
    parts = split_parts(BEACH)
    assert [sentence.split()[0] for sentence in parts.sentences] == ["The", "He", "In"]
    named = ("a man", "a brown horse", "the sandy beach", "sunset", "a red hat", "several boats", "a wooden pier")
    assert parts.phrases == (*named, "two seagulls")


def test_one_long_sentence_has_phrases_only() -> None:
    parts = split_parts(TABLE)
    assert parts.sentences == ()
    assert parts.phrases == (
        *("the dining table", "plates", "broccoli", "noodles", "meat", "a glass", "water"),
        "a cozy living room",
    )


@pytest.mark.parametrize(
    "text", ["", "Red.", "The circle is red.", "A man in a red hat rides a brown horse by the sea."]
)
def test_short_texts_stay_whole(text: str) -> None:
    assert len(split_parts(text)) == 0


def test_marks_that_end_no_sentence() -> None:
    assert split_parts("Dr. Smith waves a U.S. flag. J. Doe sings.").sentences == (
        "Dr. Smith waves a U.S. flag.",
        "J. Doe sings.",
    )
    assert split_parts("It costs 3.50 dollars. It is 1.5 m long.").sentences == (
        "It costs 3.50 dollars.",
        "It is 1.5 m long.",
    )


def test_items_of_a_list_and_stops_of_other_scripts_part_sentences() -> None:
    assert split_parts("There are: - a red ball - a blue cube - a green cone").sentences[1:] == (
        "a red ball",
        "a blue cube",
        "a green cone",
    )
    assert split_parts("天空是蓝色的。海是绿色的。").sentences == ("天空是蓝色的。", "海是绿色的。")


def test_parts_of_a_very_long_text_are_spread_over_it() -> None:
    parts = split_parts(" ".join(f"A dog{n} sleeps beside an oak{n}." for n in range(60)))
    assert len(parts) == MOST_PARTS
    assert "dog0 " in parts.sentences[0]
    assert "dog50 " in parts.sentences[-1]
    assert "5" in parts.phrases[-1]


@given(
    st.lists(st.sampled_from([*BEACH.split(), *TABLE.split(), "-", "。", "(", "\u00e9t\u00e9", "🙂", "."])).map(
        " ".join
    )
)
def test_parts_are_few_each_once_and_never_the_whole(text: str) -> None:
    parts = split_parts.__wrapped__(text)
    lowered = [part.lower() for part in parts]
    assert len(lowered) == len(set(lowered)) <= MOST_PARTS
    assert text.lower() not in lowered
    assert all(any(c.isalnum() for c in part) for part in lowered)
    assert parts == split_parts.__wrapped__(text)


@given(st.text(max_size=400))
def test_takes_any_text(text: str) -> None:
    assert len(split_parts.__wrapped__(text)) <= MOST_PARTS


@pytest.mark.parametrize("hostile", ["." * 10**6, "a. " * 10**6, "the " * 10**6, "(" * 10**6, "x" * 10**6])
def test_hostile_length_takes_no_time(hostile: str) -> None:
    started = time.process_time()
    split_parts(hostile)
    assert time.process_time() - started < 1
