"""What verifies that two texts that an encoder finds alike are the same."""

import numpy as np
import pytest

from ops.text.likeness import (
    MOST_PIECES,
    bits_apart,
    compared_pieces,
    compared_texts,
    deciding,
    pieces,
    points_sideways,
    same_order,
    text_cosines,
)


def test_pieces_hold_every_word_and_are_short() -> None:
    text = "A dog runs. Does it?  Yes!\n" + "word " * 100
    parts = pieces(text)
    assert parts[:3] == ["A dog runs.", "Does it?", "Yes!"]
    assert " ".join(parts).split() == text.split()
    assert max(len(piece.split()) for piece in parts) <= 40
    assert pieces(" \n ") == []


@pytest.mark.parametrize(
    ("role", "text", "other", "equal"),
    [
        ("assistant", "Yes", "yes", True),
        ("assistant", "yes", "no", False),
        ("assistant", "A man rides a horse there.", "Somebody on a horse crosses a field.", True),
        ("assistant", "Two men ride a horse there.", "Somebody on a horse crosses a field.", False),
        ("assistant", "A dog that is not asleep here", "A dog that is asleep over here", False),
        ("assistant", "A small red car on the road", "A small blue car on the road", False),
        ("assistant", "A dog.", "A dog that runs over the lawn", False),
        ("user", "What color is the car?", "What colour is the car?", True),
        ("user", "What color is the car?", "Where is the car?", False),
        ("user", "How many cars?", "How many cars are there?", True),
        ("user", "", "Is it?", False),
        ("user", "¿De qué color es el coche?", "¿de qué color es el coche", True),
        ("user", "¿De qué color es el coche?", "¿De qué tamaño es el coche?", False),
        ("assistant", "Hay una taza a la izquierda del plato", "Hay una taza a la derecha del plato", False),
        ("assistant", "Der Hund schläft auf dem Sofa", "Der Hund schläft nicht auf dem Sofa", False),
        ("system", "Be brief.", "be  brief.", True),
        ("system", "Be brief.", "Be kind.", False),
    ],
)
def test_what_decides(role: str, text: str, other: str, equal: bool) -> None:
    assert (deciding(role, text) == deciding(role, other)) is equal


def test_order_counts_where_a_word_points() -> None:
    assert not same_order("Is the man left of the dog?", "Is the dog left of the man?")
    assert same_order("Is the man left of the dog?", "Is the man to the left of a dog?")
    assert same_order("A laptop on a desk", "A desk with a laptop")
    assert points_sideways("the cup on the right")
    assert not points_sideways("the cup on the table")
    assert points_sideways("la taza que está a la izquierda del plato")


def test_texts_of_many_sentences_are_not_compared() -> None:
    parts = [{"type": "text", "text": "It is so. " * (MOST_PIECES + 1)}]
    messages = [{"role": "user", "parts": [{"text": "Why?"}, {"text": None}]}, {"role": "assistant", "parts": parts}]
    assert compared_texts(messages) == ["Why?"]
    assert compared_pieces("assistant", "a dog here") == []
    assert compared_texts(messages, ("assistant",)) == []


def test_nothing_may_be_said_in_one_text_alone() -> None:
    """Sentences in another order are the same; one more is not."""
    axes = np.eye(3)
    first, second, more = axes[[0, 1]], axes[[1, 0]], axes
    cosines = text_cosines(
        np.concatenate([first, second, more]), [2, 2, 3], np.concatenate([first, second, more]), [2, 2, 3]
    )
    assert cosines.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_bits_apart_is_symmetric_and_never_more_than_upright() -> None:
    drawn = np.random.default_rng(1).integers(0, 2**63, 40).tolist()
    for left, right in zip(drawn[::2], drawn[1::2], strict=True):
        turned = bits_apart(left, right, turned=True)
        assert turned == bits_apart(right, left, turned=True) <= bits_apart(left, right, turned=False)
        assert bits_apart(left, left, turned=True) == 0
