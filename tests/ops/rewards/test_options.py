"""Options in another order: the answer names what it named before."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.rewards.options import reordered, wrong_letter

WORDS = st.text("abcdefgh ", min_size=1, max_size=9).map(str.strip).filter(bool)


@given(st.lists(WORDS, min_size=2, max_size=8, unique=True), st.data())
def test_the_moved_letter_stands_before_the_same_option(texts: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(texts) - 1))
    mark = data.draw(st.sampled_from(["{}. ", "({}) ", "{}) ", "{}: "]))
    lines = [mark.format("ABCDEFGH"[n]) + text for n, text in enumerate(texts)]
    answer = data.draw(st.sampled_from(["{}", "({})", "{}.", "{}. " + texts[place]])).format("ABCDEFGH"[place])
    turned = reordered("\n".join(["What is it?", *lines, "Answer with the letter."]), answer)
    assert turned is not None
    question, moved = turned
    letter = re.search("[A-H]", moved)
    assert letter is not None
    assert mark.format(letter[0]) + texts[place] in question.split("\n")
    assert sorted(question) == sorted("\n".join(["What is it?", *lines, "Answer with the letter."]))
    assert re.sub("[A-H]", "", moved) == re.sub("[A-H]", "", answer)
    other = wrong_letter("\n".join(["What is it?", *lines]), answer)
    assert other in {"ABCDEFGH"[n] for n in range(len(texts))} - {"ABCDEFGH"[place]}


def test_an_answer_in_words_stays() -> None:
    assert reordered("Which?\nA. red\nB. Blue", "blue.") == ("Which?\nA. Blue\nB. red", "blue.")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Is it red?", "yes"),
        ("Which?\nA. red", "A"),
        ("Which?\nA. red\nC. blue", "A"),
        ("Which?\nA. red\nB. red", "A"),
        ("Which?\nA. red\nB. blue", "C"),
        ("Which?\nA. red\nB. blue", "green"),
    ],
)
def test_what_has_no_options_or_another_answer_is_left_alone(question: str, answer: str) -> None:
    assert reordered(question, answer) is None
    assert wrong_letter(question, answer) is None
