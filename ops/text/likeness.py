"""Whether two texts or two pictures that an encoder finds alike are probably the same.

An encoder hears of what a text speaks and sees what a picture is about. It hardly hears numbers, denials, colours, and
which of two things stands left of the other, and two drawings of a few shapes lie nearer to each other than a photo to
its cropped copy. So what it finds alike is verified by other means: texts by the words that decide and their order,
pictures by their perceptual hashes, turned and mirrored as well.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from ops.core.canonical import canonical_query, response_key
from ops.core.identity import digest
from ops.core.stored import StoredMessage
from ops.core.turns import message_text
from ops.text.language import is_english
from ops.text.soft_queries import soft_query

MOST_PIECES = 12
"""Pieces of the longest text that is compared."""
SHORT_WORDS = 3
"""Answers of at most so many words must be equal: "yes" and "no" in a long conversation are a small difference that
changes everything."""

_PIECE_WORDS = 40  # encoders read about 50 words
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_SIDES = frozenset({"left", "right"})
_SIDE = 8  # bits of a perceptual hash's side
_soft = lru_cache(maxsize=4096)(soft_query)


def pieces(text: str) -> list[str]:
    """The sentences of a text, long ones cut, each short enough for an encoder to read to its end; no empty ones."""
    short_pieces: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        words = sentence.split()
        short_pieces += [" ".join(words[at : at + _PIECE_WORDS]) for at in range(0, len(words), _PIECE_WORDS)]
    return short_pieces


def deciding(role: str, text: str) -> tuple[str, ...]:
    """What must be equal in two alike messages of that role: of an answer of few words all that it says, of other
    answers its numbers, denials, colours and words that compare or point, of a question also what it asks for, and of
    what is neither all that it says."""
    if role == "assistant":
        is_short = len(text.split()) <= SHORT_WORDS
        return ("answer", response_key(text)) if is_short else ("answer", "", *_soft(text).marks)
    if role == "user":
        asked = _soft(text)
        return ("question", *asked.marks, "", *asked.asked) if text.split() else ("nothing",)
    return (role, digest(canonical_query(text)))


def is_compared(role: str, text: str) -> bool:
    """Whether a message is compared by its vectors: a question or an answer that says more than `deciding`."""
    is_short = role == "assistant" and len(text.split()) <= SHORT_WORDS
    return role in ("user", "assistant") and not is_short and bool(text.split())


def compared_pieces(role: str, text: str) -> list[str]:
    """The pieces that a message is compared by; none of one that is not compared by its vectors, or is too long."""
    own_pieces = pieces(text) if is_compared(role, text) else []
    return own_pieces if len(own_pieces) <= MOST_PIECES else []


def compared_texts(messages: Iterable[StoredMessage], roles: Sequence[str] = ("user", "assistant")) -> list[str]:
    """The pieces of an example's messages of these roles."""
    role_texts = ((message["role"], message_text(message)) for message in messages)
    return [piece for role, text in role_texts if role in roles for piece in compared_pieces(role, text)]


def points_sideways(text: str) -> bool:
    """Whether a text tells left from right, so that it is another one about a mirrored picture; one in another language
    than English may."""
    return not _SIDES.isdisjoint(_soft(text).marks) or not is_english(text)


def same_order(first_text: str, other: str) -> bool:
    """Whether the words that two texts share stand in the same order in both, where a word in them compares or points:
    "the man left of the dog" is not "the dog left of the man"."""
    if not _soft(first_text).marks and not _soft(other).marks:
        return True
    words = [list(dict.fromkeys(_WORD.findall(canonical_query(text)))) for text in (first_text, other)]
    shared = set(words[0]) & set(words[1])
    first, second = ([word for word in text if word in shared] for text in words)
    return first == second


def bits_apart(known: int, other: int, *, turned: bool) -> int:
    """Bits of 64 in which two perceptual hashes differ; with `turned`, those of the nearest of the eight ways to turn
    the second picture by quarters and to mirror it."""
    ways = _ways(other) if turned else (other,)
    return min((known ^ way).bit_count() for way in ways)


@lru_cache(maxsize=65536)
def _ways(known: int) -> tuple[int, ...]:
    """The hash of a picture turned by quarters and mirrored, nearly: mirroring changes the sign of every other
    coefficient of the cosine transform, and a quarter turn also exchanges its sides. The hash holds the signs about
    their median, which is near 0."""
    bits = np.array([known >> (_SIDE * _SIDE - 1 - at) & 1 for at in range(_SIDE * _SIDE)], dtype=bool)
    upright = bits.reshape(_SIDE, _SIDE)
    rows, columns = np.indices((_SIDE, _SIDE)) % 2 == 1
    flips = (np.zeros_like(rows), columns, rows, columns ^ rows)
    return tuple(_number(way ^ flip) for way in (upright, upright.T) for flip in flips)


def _number(bits: np.ndarray) -> int:
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


def piece_starts(counts: Sequence[int]) -> np.ndarray:
    """Where each text's pieces start, in a list of all of them."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)[:-1]]) if len(counts) else np.zeros(0, np.int64)


def text_cosines(ones: np.ndarray, one_counts: Sequence[int], others: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Likeness (n, m) of n texts to m others, from the unit vectors of their pieces, one text's after the other's
    (pieces, d), and how many each has, at least one: the cosine of that piece of either text that is least like any
    piece of the other, so that nothing is said by one alone."""
    cosines = ones @ others.T
    columns, rows = piece_starts(counts), piece_starts(one_counts)
    of_ones = np.minimum.reduceat(np.maximum.reduceat(cosines, columns, axis=1), rows, axis=0)
    of_others = np.minimum.reduceat(np.maximum.reduceat(cosines, rows, axis=0), columns, axis=1)
    return np.minimum(of_ones, of_others)
