"""Questions that a few words answer, as statements: "what color is the circle?" + "red" -> "The circle is red."

Of `RULES`, the first whose pattern the whole question fits counts: special ones stand before general ones.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ops.text.phrases import BE, PREPOSITIONS, denies, sentence, split_subject, with_article
from ops.text.statement import Example, Statement

_Build = Callable[[re.Match[str], str], str]

_PLACE = r"(?:in|within) (?:the|this) (?:image|picture|photo|photograph|scene)"
_PRESENT = "(?:there|present|shown|visible|depicted|displayed|pictured)"
_THERE = rf"(?:{_PRESENT}(?: (?P<where>{_PLACE}))?|(?P<where2>in (?:the|this) \w+))"
_BE = r"(?P<be>is|are|was|were)"
_POINTED = r"(?P<x>this|that|it|these|those)"
_COUNTED = {
    "shape", "object", "animal", "thing", "item", "vehicle", "fruit", "instrument", "tool", "device", "bird", "figure"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClosedRule:
    """One form of question (a pattern of the whole of it, without its mark, in any case of letters), and what it says
    together with an answer."""

    name: str
    pattern: re.Pattern[str]
    build: _Build
    examples: tuple[Example, ...]


def state_closed(asked: str, answer: str) -> Statement:
    """A question (without its mark) and an answer of a few words; a question that fits no rule keeps its words."""
    for rule in RULES:
        if match := rule.pattern.fullmatch(asked):
            return Statement(sentence(rule.build(match, answer)), negated=denies(answer))
    words = asked.split()
    if words[0].lower() in BE and " or " in asked and len(words) > 2:
        subject, _ = split_subject(words[1:])
        return Statement(sentence(f"{subject} {words[0].lower()} {answer}"))
    return Statement(f"{sentence(asked + '?')} {sentence(answer)}", negated=denies(answer))


def _asking(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _subject_is_answer(match: re.Match[str], answer: str) -> str:
    return f"{match['x']} {match['be'] or 'is'} {answer}"


def _kind_there(match: re.Match[str], answer: str) -> str:
    where = (match["where"] or match["where2"] or "").strip()
    is_plural = match["be"].lower() in {"are", "were"}
    return f"there {match['be']} {answer if is_plural else with_article(answer)} {where}"


def _picture_shows(match: re.Match[str], answer: str) -> str:
    verb = "has" if match["verb"].lower() == "have" else match["verb"] + "s"
    return f"{match['x']} {verb} {with_article(answer)}"


def _pointed_kind(match: re.Match[str], answer: str) -> str:
    return f"{match['x']} {match['be']} {with_article(answer)}"


def _pointed_noun(match: re.Match[str], answer: str) -> str:
    is_counted = match["noun"].lower() in _COUNTED
    return f"{match['x']} {match['be']} {with_article(answer) if is_counted else answer}"


def _what_is(match: re.Match[str], answer: str) -> str:
    """ "what is X?": X is the answer, with an article where the last word of X names a countable kind."""
    subject, be = match["x"], match["be"]
    words = subject.split()
    if words[0].lower() in PREPOSITIONS:
        return f"{with_article(answer)} {be} {subject}"
    head, predicate = split_subject(words)
    if predicate and len(words) > 1 and (predicate.split()[0].lower().endswith("ing") or " " in predicate):
        if predicate.lower() in {"doing", "up to"}:
            return f"{head} {be} {answer}"
        if predicate.lower().endswith(("ing", " of", " with", " on", " to", " in", " from", " at")):
            return f"{head} {be} {predicate} {answer if predicate.endswith(' of') else with_article(answer)}"
    is_counted = words[-1].lower() in _COUNTED or words[0].lower() in {"this", "it", "that"}
    return f"{subject} {be} {with_article(answer) if is_counted else answer}"


def _how_many(match: re.Match[str], answer: str) -> str:
    is_one = answer.lower() in {"1", "one"}
    there = re.fullmatch(rf"{_PRESENT}?\s*(?P<where>{_PLACE})?", match["y"] or "", re.IGNORECASE)
    thing = match["x"]
    if is_one and thing == "people":
        thing = "person"
    elif is_one and thing.endswith("s") and not thing.endswith("ss"):
        thing = thing[:-1]
    be = {"are": "is", "were": "was"}.get(match["be"], match["be"]) if is_one else match["be"]
    if there:
        return f"there {be} {answer} {thing} {there['where'] or ''}"
    return f"{answer} {thing} {be} {match['y']}"


RULES = (
    ClosedRule(
        "what colour is ...",
        _asking(rf"what colou?rs? {_BE} (?P<x>.+)"),
        _subject_is_answer,
        (
            Example("What color is the circle?", "red", "The circle is red."),
            Example("What colours are the cars?", "red and blue", "The cars are red and blue."),
            Example(
                "Here is a photo. What color is the car?\nAnswer the question using a single word.",
                "red",
                "The car is red.",
            ),
        ),
    ),
    ClosedRule(
        "what is the colour of ...",
        _asking(rf"what(?:'s| {_BE}) the colou?rs? of (?P<x>.+)"),
        _subject_is_answer,
        (
            Example("what is the color of the shape?", "teal", "The shape is teal."),
            Example("What's the colour of the sky?", "grey", "The sky is grey."),
        ),
    ),
    ClosedRule(
        "what kind is there",
        _asking(rf"(?:what|which) (?:kind of |type of |sort of )?[\w-]+ {_BE} {_THERE}"),
        _kind_there,
        (
            Example("what shape is in the image?", "circle", "There is a circle in the image."),
            Example("what shape is present?", "triangle", "There is a triangle."),
            Example("Which animals are in this field?", "cows", "There are cows in this field."),
        ),
    ),
    ClosedRule(
        "what does the picture show",
        _asking(
            r"(?:what|which) (?:kind of |type of )?[\w-]+ do(?:es)? (?P<x>(?:the|this) (?:image|picture|photo|scene)) "
            r"(?P<verb>contain|show|have|depict|include|feature)"
        ),
        _picture_shows,
        (
            Example("what shape does the image contain?", "rectangle", "The image contains a rectangle."),
            Example("What kind of animal does this photo have?", "owl", "This photo has an owl."),
        ),
    ),
    ClosedRule(
        "what kind of thing is this",
        _asking(rf"what (?:kind|type|sort) of [\w -]+? {_BE} {_POINTED}"),
        _pointed_kind,
        (Example("What kind of bird is that?", "gull", "That is a gull."),),
    ),
    ClosedRule(
        "what thing is this",
        _asking(rf"(?:what|which) (?P<noun>[\w-]+) {_BE} {_POINTED}"),
        _pointed_noun,
        (
            Example("What animal is this?", "cat", "This is a cat."),
            Example("What time is it?", "noon", "It is noon."),
        ),
    ),
    ClosedRule(
        "what shape is ...",
        _asking(rf"what (?:shape|size|material) {_BE} (?P<x>.+)"),
        _subject_is_answer,
        (Example("What material is the chair?", "oak", "The chair is oak."),),
    ),
    ClosedRule(
        "what is ...",
        _asking(rf"what {_BE} (?P<x>.+)"),
        _what_is,
        (
            Example("what is the blue shape?", "rectangle", "The blue shape is a rectangle."),
            Example("What is the man holding?", "racket", "The man is holding a racket."),
            Example("What is the man doing?", "surfing", "The man is surfing."),
            Example("What is on the table?", "pizza", "A pizza is on the table."),
            Example("What is the chair made of?", "wood", "The chair is made of wood."),
            Example("What is the weather?", "sunny", "The weather is sunny."),
            Example("What is this?\nA. cat\nB. dog\nAnswer with the option's letter.", "B", "This is a dog."),
        ),
    ),
    ClosedRule(
        "how many ... are there",
        _asking(rf"how many (?P<x>.+?) {_BE}(?: (?P<y>.+))?"),
        _how_many,
        (
            Example("How many dogs are there?", "2", "There are 2 dogs."),
            Example("How many dogs are there?", "1", "There is 1 dog."),
            Example("How many people are in the image?", "one", "There is one person in the image."),
            Example("How many dogs are sitting on the couch?", "3", "3 dogs are sitting on the couch."),
        ),
    ),
    ClosedRule(
        "where is ...",
        _asking(rf"where {_BE} (?P<x>.+)"),
        _subject_is_answer,
        (Example("Where is the cat?", "on the couch", "The cat is on the couch."),),
    ),
    ClosedRule(
        "who is ...",
        _asking(rf"who {_BE} (?P<x>.+)"),
        lambda match, answer: f"{answer} {match['be']} {match['x']}",
        (
            Example("Who is holding the umbrella?", "the woman", "The woman is holding the umbrella."),
            Example("Who is holding the umbrella?", "nobody", "Nobody is holding the umbrella.", negated=True),
        ),
    ),
    ClosedRule(
        "what thing is ...",
        _asking(rf"(?:what|which) (?P<noun>[\w-]+) {_BE} (?P<x>.+)"),
        lambda match, answer: f"the {match['noun']} {match['x']} {match['be']} {answer}",
        (Example("What sport is being played?", "tennis", "The sport being played is tennis."),),
    ),
)
