"""When two queries probably ask the same in other words.

Two queries are alike when nothing is left of their difference once politeness, articles, mentions of the picture and
the announcement that something will be asked are taken away, or, for long ones, when they share most of their words and
neighbouring words. What decides an answer must be equal in both: numbers, negations, colours, and words that compare or
point. An encoder hears of what a query speaks, and hardly what it asks of it: "where is the car?" lies next to "what
colour is the car?", and "on the table" next to "under the table". So queries compared by their vectors must also ask
for the same (`asked`). These words are English:
in another language every word decides, in its place, so that only the same words are alike.
"""

import re
from dataclasses import dataclass

import numpy as np

from ops.core.canonical import canonical_query
from ops.core.identity import digest
from ops.text.language import is_english
from ops.text.numbers import NUMBER_WORDS
from ops.text.shingles import bands, jaccard, shingles

_PICTURES = "(?:image|picture|photo|photograph|photography|figure)"
_PICTURE = re.compile(rf"\b(?:(?:shown|seen|visible|depicted)\s+)?(?:in|on|from|of)\s+(?:the|this)\s+{_PICTURES}\b")
_NUMBER = rf"(?:{'|'.join(NUMBER_WORDS)}|\d+|first|second|third|next|last|final)"
# "One question: ...", "I have two quick questions about this picture. ...", "My last question is, ...", "Question 3:
# ..." tell how many questions there are, or which this is, and nothing of a picture. A break follows, and then what is
# asked: "Are there three questions on the page?" is none.
_ANNOUNCED = re.compile(
    r"^(?:(?:i|we) (?:just |only |still )?(?:have |ve got )|here (?:is|are) )?"
    rf"(?:(?:an?|my|our|another|more|{_NUMBER}) ){{0,3}}(?:\w+ )?(?:questions?|requests?)(?: {_NUMBER})?"
    rf"(?: is| are| for you| about (?:it|this|the)(?: {_PICTURES})?)*\s*[:.,;-]+\s*(?=\w)"
)
_WORD = re.compile(r"\w+")
_FILLER = frozenset(
    ["a", "an", "the", "please", "kindly", "there", "could", "can", "would", "you", "tell", "me", "now"]
)
_DECIDING = frozenset(
    _WORD.findall(
        "not no never none neither nor without except only all any every left right above below top bottom front "
        "behind before after more less most least first second third last larger smaller bigger largest smallest best "
        "worst same different red green blue yellow black white grey gray brown orange pink purple"
    )
) | frozenset(NUMBER_WORDS[1:11])
# What a query asks for: the first that fits.
_ASKED = tuple(
    (name, re.compile(rf"\b(?:{words})\b"))
    for name, words in (
        ("number", "how many|number of|count"),
        ("colour", "colou?rs?"),
        ("time", "when|time|year|season"),
        ("place", "where|place|location|room"),
        ("person", "who|whose|whom"),
        ("reason", "why|reason"),
        ("writing", "written|writing|words?|text|says?|title"),
        ("make", "brand|make|logo|company|breed|material|made"),
        ("deed", "doing|activity|action|happening"),
        ("thing", "what|which|how"),
        # "Can you see a dog?": without the filling words, "see dog".
        ("yes or no", r"is|are|was|were|does|do|did|has|have|^(?:see|spot|notice)"),
    )
)
# What stands where, and words with an opposite, which lies next to them.
_TURNING = frozenset(
    _WORD.findall(
        "under beneath over inside outside on off next beside near far between up down with indoors outdoors day "
        "night man woman men women boy girl boys girls male female young old open opened closed full empty clean "
        "dirty wet dry big large small little tall short long wide narrow thick thin heavy light dark bright hot "
        "cold warm cool fast slow new broken happy sad real fake alive dead hard soft smooth rough sunny rainy "
        "cloudy"
    )
)
_CLITICS = str.maketrans({"'": " "})
_RUN = 2
MOST_WORDS = 40
"""Words of the longest query that is compared by its vector; of more, an encoder may read the first part alone."""


@dataclass(frozen=True, slots=True)
class SoftQuery:
    """A query without its wording: the `key` of the words that are left, in order; `marks`, those that decide an
    answer; `asked`, what it asks for and the words that turn it round; `shingles` (ops.text.shingles) of all words,
    and the `pieces` that alike queries probably share one of."""

    key: str
    marks: tuple[str, ...]
    asked: tuple[str, ...]
    shingles: np.ndarray

    @property
    def pieces(self) -> list[str]:
        """Names under which to look for alike queries."""
        alike = [digest(str(at), piece) for at, piece in enumerate(bands(self.shingles))]
        return [self.key, *(digest(*self.marks, piece) for piece in alike)]


def soft_query(text: str | None) -> SoftQuery:
    """The query as it is compared; case, punctuation and filling words do not count."""
    plain = canonical_query(text or "").replace("n't", " not").replace("'s ", " is ").translate(_CLITICS)
    if is_english(text or ""):
        asked_for = _PICTURE.sub(" ", _ANNOUNCED.sub("", plain))
        words = [word for word in _WORD.findall(asked_for) if word not in _FILLER]
        marks = tuple(sorted(word for word in words if word in _DECIDING or any(map(str.isdigit, word))))
    else:
        words = _WORD.findall(plain)
        marks = tuple(words)
    kept = " ".join(words)
    sought = next((name for name, asking in _ASKED if asking.search(kept)), "description")
    asked = (sought, *sorted({word for word in words if word in _TURNING}))
    return SoftQuery(digest("soft query", *words), marks, asked, shingles(kept, _RUN))


def fits_encoder(text: str | None) -> bool:
    """Whether a query has words, and few enough for every encoder to read them all."""
    return 0 < len(_WORD.findall(text or "")) <= MOST_WORDS


def similarity(query: SoftQuery, other: SoftQuery) -> float:
    """From 0 to 1: 1 for the same words in the same order, 0 where what decides an answer differs, else the Jaccard
    index of the runs of two words."""
    if query.key == other.key:
        return 1.0
    return jaccard(query.shingles, other.shingles) if query.marks == other.marks else 0.0
