"""What an example says and shows has one key: the order of its texts and pictures is part of it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.core.canonical import picture_places, query_key
from ops.text.turn_rows import dialogue_key
from tests.support.examples import examples

Pieces = tuple[str | int, ...]
PIECES = st.lists(st.sampled_from(["cat", "dog", " ", "?"]) | st.integers(0, 1), min_size=1, max_size=5).map(tuple)


def messages_of(turns: tuple[Pieces, ...]) -> list[Any]:
    return [
        {"role": "user", "parts": [{"text": p, "image_id": None} if isinstance(p, str) else picture(p) for p in pieces]}
        for pieces in turns
    ]


def key(turns: tuple[Pieces, ...]) -> str:
    return dialogue_key([f"i{p}" for pieces in turns for p in pieces if isinstance(p, int)], messages_of(turns))


def picture(number: int) -> dict[str, str | None]:
    return {"text": None, "image_id": f"i{number}"}


def content(turns: tuple[Pieces, ...]) -> Any:
    """What the turns say and show: their texts and pictures, and between which words each picture stands; of pictures
    that stand together it is not told whether they are before all text or behind it."""
    texts = [" ".join("".join(p for p in pieces if isinstance(p, str)).split()) for pieces in turns]
    places: list[Any] = []
    for number, pieces in enumerate(turns):
        before = ""
        for piece in pieces:
            if isinstance(piece, str):
                before += piece
            else:
                places.append((piece, number, " ".join(before.split())))
    apart = len({place[1:] for place in places}) > 1
    return texts, places if apart else [piece for piece, *_ in places]


@given(left=st.tuples(PIECES, PIECES), shuffled=st.data())
@settings(max_examples=examples(400), deadline=None)
def test_the_same_pieces_in_another_order_are_the_same_only_where_they_say_the_same(
    left: tuple[Pieces, Pieces], shuffled: st.DataObject
):
    right = tuple(tuple(shuffled.draw(st.permutations(pieces))) for pieces in left)
    assert (key(left) == key(right)) == (content(left) == content(right))


def test_where_one_picture_stands_says_nothing():
    before, behind = (0, "What is it?"), ("What is it?", 0)
    assert key((before,)) == key((behind,))
    assert key(((0, 1, "Which?"),)) == key((("Which?", 0, 1),))
    assert key(((0, "cat", 1, "dog"),)) != key((("cat", 0, "dog", 1),))


@given(asked=PIECES, earlier=st.lists(st.sampled_from(["cat", "dog"]), max_size=3))
@settings(max_examples=examples(200), deadline=None)
def test_turns_before_a_question_do_not_change_where_its_pictures_stand(asked: Pieces, earlier: list[str]):
    alone = picture_places(messages_of((asked,)))
    assert picture_places(messages_of((*((text,) for text in earlier), asked)), len(earlier)) == alone


def test_questions_part_where_their_pictures_stand_elsewhere():
    def asked(*pieces: str | int) -> str:
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return query_key(text, picture_places(messages_of((pieces,))))

    assert asked(0, "cat", 1, "dog") != asked("cat", 0, "dog", 1)
    assert asked(0, 1, "catdog") == asked("catdog", 0, 1) == query_key("catdog")
