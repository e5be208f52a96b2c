"""Closed answers: what a short answer to a closed question says, whatever words it is dressed in.

"Yes, it is." and "yeah" are one answer, as are "two", "2" and "There are two.", "gray" and "It's grey", "a dog" and
"Dog"; the letter of an option is a word. English only; an answer that fits no rule is not closed, and nothing is said
about it. One or two words tell little of their language, so that the question must be asked as well (`answer_to`).
"""

import re
from dataclasses import dataclass

from ops.core.canonical import canonical_query
from ops.text.language import is_english
from ops.text.numbers import NUMBER_WORDS, TENS

MAX_WORDS = 2
"""A noun of more words than this is no closed answer."""


def _words(text: str) -> list[str]:
    return text.split()


_YES = frozenset(_words("yes yeah yep yup true correct affirmative"))
_NO = frozenset(_words("no nope nah false incorrect negative"))
# What may follow "yes" or "no" and adds nothing, and what opens an answer and adds nothing.
_AFFIRMS = re.compile(
    r"(?:(?:it|he|she|they|there|that|this|we|you|i|the \w+)\b[\s']*(?:is|are|was|were|does|do|did|has|have|can|s|re)"
    r"(?:\s*(?:not|n't|no))?(?: a| an| the| any| one)?|(?:is|are|does|do|has|have)(?:n't| not))?"
)
_OPENS = re.compile(
    r"^(?:(?:the )?(?:answer|colou?r|number|shape)(?: of the [\w ]{1,30})? is|it(?:'s| is| looks| appears)|"
    r"that(?:'s| is)|this is|there(?:'s| is| are| were)|they(?:'re| are)|he is|she is|i (?:see|count))\s+"
)
_ARTICLES = frozenset(("a", "an", "the"))
_OPTION = "a"
"""No article where nothing follows it: "A", "(A)" and "option A" name an option, as "B" does."""
_NUMBERS = {word: n for n, word in enumerate(NUMBER_WORDS)} | {"none": 0}
_COLOURS = frozenset(
    _words(
        "red green blue yellow black white grey brown orange pink purple violet beige tan gold silver teal turquoise "
        "cyan magenta maroon navy"
    )
)
_SAME = {"gray": "grey", "golden": "gold", "silvery": "silver", "coloured": "", "colored": ""}
_SHADES = frozenset(("light", "dark", "bright", "pale", "deep"))
# Words that make a short answer no statement about the image.
_EMPTY = frozenset(_words("unknown unsure unclear maybe perhaps possibly sorry n/a na ok okay sure thanks both either"))
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class ClosedAnswer:
    """`kind` is yes_no, number, colour or word; answers of different kinds do not contradict each other. Equal values
    say the same."""

    kind: str
    value: str


def closed_answer(text: str) -> ClosedAnswer | None:
    """What the answer says, or None where it is not closed (longer, a list, or a refusal)."""
    if len(text) > 200:
        return None
    plain = _EDGE.sub("", canonical_query(text))
    if not plain:
        return None
    polarity = _polarity(plain)
    if polarity:
        return ClosedAnswer("yes_no", polarity)
    words = [_SAME.get(word, word) for word in _OPENS.sub("", plain).split()]
    option = words[-1:] if words[-1:] == [_OPTION] else []
    words = [word for word in words if word and word not in _ARTICLES] + option
    if not words or _EMPTY.intersection(words):
        return None
    return _number(words) or _colour(words) or _noun(words)


def answer_to(query: str, answer: str) -> ClosedAnswer | None:
    """What the answer to that query says. Where either is in another language, figures alone are known to say it."""
    closed = closed_answer(answer)
    if closed is None or (closed.kind == "number" and any(map(str.isdigit, answer))):
        return closed
    return closed if is_english(query) and is_english(answer) else None


def _polarity(plain: str) -> str | None:
    first, _, rest = plain.partition(" ")
    first = first.rstrip(",.;:!")
    polarity = "yes" if first in _YES else "no" if first in _NO else None
    rest = rest.strip(" ,.;:!")
    return polarity if polarity and _AFFIRMS.fullmatch(rest) else None


def _number(words: list[str]) -> ClosedAnswer | None:
    value = _value(words[0])
    # "2 dogs" counts as 2: the question names what is counted.
    if value is None or len(words) > MAX_WORDS:
        return None
    return ClosedAnswer("number", value)


def _value(word: str) -> str | None:
    digits = word.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+", word) else word
    if _NUMBER.fullmatch(digits):
        number = float(digits)
        return str(int(number)) if number.is_integer() else str(number)
    if word in _NUMBERS:
        return str(_NUMBERS[word])
    tens, _, unit = word.partition("-")
    if tens in TENS and (not unit or 0 < _NUMBERS.get(unit, 0) < 10):
        return str(TENS[tens] + _NUMBERS.get(unit, 0))
    return None


def _colour(words: list[str]) -> ClosedAnswer | None:
    if len(words) == 1 and words[0] in _COLOURS:
        return ClosedAnswer("colour", words[0])
    # "dark red" is red: two annotators need not agree on the shade.
    if len(words) == 2 and words[0] in _SHADES and words[1] in _COLOURS:
        return ClosedAnswer("colour", words[1])
    return None


def _noun(words: list[str]) -> ClosedAnswer | None:
    if len(words) > MAX_WORDS or any(not word.replace("-", "").replace("'", "").isalpha() for word in words):
        return None
    return ClosedAnswer("word", " ".join(words))
