"""What a turn says about its picture that can be held against the pixels, one claim at a time.

Claims are read by pattern rules for English: the answer to a question of colour, number, presence or yes and no; and in
sentences a colour word before its noun ("a red car") or after its verb ("the car is red"), a number before a plural,
and quoted text that is said to be written, or the answer to what is written. Each comes with its *foils*: the same
words with another colour or number, or the opposite answer, whose fit with the picture it must beat; those of an open
question and of written text are what else is claimed in the delivery. What the rules do not know makes no claim.
Nor does a turn that is not English.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ops.core.canonical import canonical_query
from ops.text.closed_answers import ClosedAnswer, closed_answer
from ops.text.numbers import NUMBER_WORDS
from ops.text.statements import make_statement, rewrite
from ops.vision.colours import WORDS

KINDS = ("colour", "count", "presence", "yes_no", "text")
MOST_CLAIMS = 8
"""Claims of one turn at most; the first are kept."""
WRITTEN = "what is written?"
"""The `question` of all claims of written text."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`value` is the colour, number, thing, yes or no, or written text that is claimed of `subject` (empty where the
    text names none); `is_denied` where it is said not to hold. `statement` is scored beside the picture, `foils` are
    its rivals. Where those are the other answers that the same question gets elsewhere, `question` names it."""

    kind: str
    subject: str
    value: str
    is_denied: bool
    statement: str
    foils: tuple[str, ...] = ()
    question: str = ""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FOIL_COLOURS = _words("red green blue yellow black white gray brown")
_NUMBERS = NUMBER_WORDS[:11]
_MOST_CHARS = 4000
_MOST_READ_CHARS = 80
_COLOUR = rf"(?P<colour>{'|'.join(sorted(WORDS, key=len, reverse=True))})"
_COLOUR_WORD = re.compile(rf"\b{_COLOUR}\b", re.IGNORECASE)
_ASKS_COLOUR = re.compile(
    r"\bcolou?rs? (?:is|are|was|were) (?P<x>[^?.]+)|\bcolou?rs? of (?P<y>[^?.]+)|\bcolou?red (?P<z>[^?.]+)",
    re.IGNORECASE,
)
_ASKS_COUNT = re.compile(r"\bhow many (?P<x>[^?.]+?)(?: (?:is|are|do|does|can|were|was)\b|\?|$)", re.IGNORECASE)
_ASKS_PRESENCE = re.compile(
    r"\b(?:there|present|visible|shown|depicted|contain|contains|show|include|you see)\b", re.IGNORECASE
)
_THING = re.compile(r"\b(?:there (?:not )?|contain |no |an? |any )(?:an? |any |no )?(?P<x>[a-z]+)", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_NEGATION = re.compile(r"\b(?:no|not|none|never|without|neither|nor)\b|n't\b", re.IGNORECASE)
# Colour words that name something else than the colour of what is seen.
_NO_COLOUR = re.compile(
    r"\bblack[ -]and[ -]white (?:photo|picture|image|film|shot|scene|version|style)\w*|\bin black and white\b|"
    r"\b(?:white|red|black|brown|green) (?:wine|tea|coffee|bread|rice|meat|pepper|men|man|wom[ae]n|people|person|house|"
    r"paper|noise|light|lights|onions?|peppers?|beans?|cards?|belt|hair|board|list|friday|cross|carpet|sox|bull|"
    r"bears?|squirrels?|market|hole)\b|\borange (?:juice|slices?|peels?|trees?|segments?|wedges?)\b|"
    r"\b(?:an?|the|of|and|peeled|sliced|two|three|some) oranges?(?=[\s,.;!?]*(?:$|and|on|in|is|with|,|\.))|"
    r"\b(?:gold|silver) (?:medals?|rings?|coins?)\b|\b(?:blue|black) (?:jays?|jeans|berr\w+)\b|\bgreen ?house\b",
    re.IGNORECASE,
)
_LITTLE = frozenset(
    _words(
        "and or of on in at is are was were with to the a an that which it its by from for as but while near next "
        "under over behind beside below above inside around against along across through into has have colored coloured"
    )
)
_COUNT = re.compile(
    rf"\b(?P<n>{'|'.join(_NUMBERS[2:])}|[2-9]|10) (?P<x>(?:[a-z]+ )?(?:people|men|women|children|[a-z]{{2,}}s))\b",
    re.IGNORECASE,
)
_NO_COUNT = frozenset(
    _words("years hours minutes seconds times days weeks months meters metres feet miles inches is was")
)
_WRITTEN = re.compile(
    r"\b(?:says?|saying|reads?|reading|labell?ed|spells?|titled|words?|text|letters|written)\b[^.\"“”]{0,20}"
    r"[\"“](?P<text>[^\"“”\n]{1,80})[\"”]",
    re.IGNORECASE,
)
_ASKS_WRITTEN = re.compile(
    r"\bwhat (?:does|do|did|is|are) [^?.]{0,80}\b(?:says?|reads?|spells?|written|printed)\b|"
    r"\b(?:what|which) (?:words?|text|letters?|numbers?|name|title) (?:is|are|does|do|can)\b|"
    r"\bwhat (?:is|are|'s) the (?:words?|text|letters?|name|title|number) (?:on|of|in|at|written|printed|shown)\b",
    re.IGNORECASE,
)
# Words in -ing that are things; others say what the thing before them does.
_THINGS_IN_ING = frozenset(
    _words(
        "awning building ceiling clothing covering dressing earring evening fencing flooring frosting "
        "icing king lettering lightning lining morning painting paving piping plumbing railing ring roofing "
        "seasoning siding spring stocking string stuffing thing topping wing wiring writing"
    )
)


def read_claims(query: str, answer: str) -> list[Claim]:
    """The claims of a turn, in the order in which they are made; at most `MOST_CLAIMS`."""
    made = make_statement(query, answer)
    if made.uninformative:
        return []
    if _ASKS_WRITTEN.search(query[-_MOST_CHARS:]) and _is_reading(answer):
        claim = _written(answer)
        return [claim] if claim else []
    closed = closed_answer(answer)
    if closed is None:
        return list(_spoken(answer[:_MOST_CHARS]))[:MOST_CLAIMS]
    claim = _answered(query[-_MOST_CHARS:], answer, closed, made.text, is_denied=made.negated)
    return [claim] if claim else []


def _answered(query: str, answer: str, closed: ClosedAnswer, statement: str, *, is_denied: bool) -> Claim | None:
    if closed.kind == "yes_no":
        return _polar(query, closed.value, statement, is_denied=is_denied)
    if closed.kind == "colour":
        asked = _ASKS_COLOUR.search(query)
        if asked is None and "colo" not in query.lower():
            return None
        subject = _noun(next((part for part in asked.groups() if part), "")) if asked else ""
        if closed.value not in WORDS:
            return None
        foils = [rewrite(query, other).text for other in other_colours(closed.value)]
        return Claim("colour", subject, closed.value, False, statement, tuple(foils))
    if closed.kind == "number":
        asked = _ASKS_COUNT.search(query)
        if asked is None or not closed.value.isdigit():
            return None
        foils = [rewrite(query, str(other)).text for other in _other_numbers(int(closed.value))]
        return Claim("count", _noun(asked["x"]), closed.value, False, statement, tuple(foils))
    asks = query.strip().lower().startswith(("what", "which"))
    question = canonical_query(query)
    return Claim("presence", "", closed.value, False, statement, question=question) if asks else None


def _is_reading(answer: str) -> bool:
    """Whether an answer to what is written is that text, and no sentence about it."""
    return len(answer) <= _MOST_READ_CHARS and not _WRITTEN.search(answer) and not _NEGATION.search(answer)


def _written(text: str) -> Claim | None:
    """Letter case and spaces are no part of the claim: most encoders' tokenizers drop them."""
    written = " ".join(text.split()).strip(" .,;:!?\"'“”‘’")
    return (
        Claim("text", "", written, False, f'The text "{written.lower()}" is written.', question=WRITTEN)
        if written
        else None
    )


def _polar(query: str, answer: str, statement: str, *, is_denied: bool) -> Claim:
    opposite = rewrite(query, "no" if answer == "yes" else "yes").text
    colours = list(_COLOUR_WORD.finditer(_NO_COLOUR.sub(" ", query)))
    if len(colours) == 1:
        colour = colours[0]["colour"].lower()
        return Claim("colour", _coloured(query, colours[0]), colour, is_denied, statement, (opposite,))
    present = _ASKS_PRESENCE.search(query)
    thing = _THING.search(query)
    subject = thing["x"].lower() if present and thing else ""
    return Claim("presence" if present else "yes_no", subject, answer, is_denied, statement, (opposite,))


def _spoken(answer: str) -> Iterator[Claim]:
    for part in _SENTENCE.finditer(answer):
        sentence = part[0].strip()
        for written in _WRITTEN.finditer(sentence):
            if claim := _written(written["text"]):
                yield claim
        if _NEGATION.search(sentence):
            continue  # what the "not" belongs to is more than these rules can say
        plain = _NO_COLOUR.sub(lambda match: "_" * len(match[0]), sentence)
        for colour in _COLOUR_WORD.finditer(plain):
            claimed = colour["colour"].lower()
            foils = _replaced(sentence, colour.span(), other_colours(claimed))
            yield Claim("colour", _coloured(plain, colour), claimed, False, sentence, foils)
        for count in _COUNT.finditer(sentence):
            noun = count["x"].lower()
            if _NO_COUNT.isdisjoint(noun.split()):
                number = _number(count["n"])
                others = [_NUMBERS[other] for other in _other_numbers(number) if other > 1]
                foils = _replaced(sentence, count.span("n"), others)
                yield Claim("count", noun, str(number), False, sentence, foils)


def _replaced(sentence: str, span: tuple[int, int], others: list[str]) -> tuple[str, ...]:
    start, end = span
    return tuple(f"{sentence[:start]}{other}{sentence[end:]}" for other in others)


def other_colours(claimed: str) -> list[str]:
    """The colours that a foil of this one may claim."""
    return [other for other in _FOIL_COLOURS if set(WORDS[other]).isdisjoint(WORDS[claimed])]


def _other_numbers(claimed: int) -> list[int]:
    return [other for other in range(max(0, claimed - 2), min(claimed + 3, len(_NUMBERS))) if other != claimed]


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS.index(word.lower())


def _coloured(text: str, colour: re.Match[str]) -> str:
    """The noun that a colour word belongs to: up to two words behind it, or, after "is", the word before that."""
    behind = _noun(text[colour.end() :].split(",")[0])
    if behind:
        return behind
    before = re.search(r"(?P<x>[a-z]+) (?:is|are|was|were|looks?) (?:\w+ )?$", text[: colour.start()], re.IGNORECASE)
    named = before or re.search(r"\bthe (?P<x>[a-z]+) $", text[: colour.start()], re.IGNORECASE)
    return named["x"].lower() if named else ""


def _noun(text: str) -> str:
    kept: list[str] = []
    for word in re.findall(r"[a-z'-]+", text.lower()):
        if kept and word.endswith("ing") and word not in _THINGS_IN_ING:
            break
        if word in _LITTLE or word in WORDS:
            if kept or word in {"of", "on", "in", "at", "is", "are"}:
                break
            continue
        kept.append(word)
    return " ".join(kept[:2])
