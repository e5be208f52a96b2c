"""Yes/no questions as statements, affirmed or denied: "is no circle present?" + "no" -> "A circle is present."

Of `RULES`, the first that fits counts; the last fits all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ops.text.phrases import BE, PRONOUNS, denies, sentence, split_subject, with_article
from ops.text.statement import Example, Statement

_SEES = re.compile(r"^(can|do|did) you see\b", re.IGNORECASE)
_PRESENT = {"present", "visible", "there", "shown"}
_DEFINITE = PRONOUNS | {"the"}
_THIRD_PERSON_IN_ES = ("s", "sh", "ch", "x")


@dataclass(frozen=True, slots=True)
class PolarQuestion:
    """A yes/no question: its `auxiliary` (lower case), the words behind it, and whether these are affirmed."""

    auxiliary: str
    body: list[str]
    is_affirmed: bool


@dataclass(frozen=True, slots=True)
class PolarRule:
    """One form of yes/no question, and how it becomes a statement."""

    name: str
    fits: Callable[[PolarQuestion], bool]
    make: Callable[[PolarQuestion], Statement]
    examples: tuple[Example, ...]


def polar_question(asked: str, *, is_yes: bool) -> PolarQuestion:
    """The question (without its mark; at least one word) as it is answered; a "not" in it turns the answer round."""
    words = _SEES.sub("is there", asked).split()
    body = [word for word in words[1:] if word.lower() != "not"]
    return PolarQuestion(words[0].lower(), body, is_yes if len(body) == len(words) - 1 else not is_yes)


def affirm_or_deny(asked: str, *, is_yes: bool) -> Statement:
    """The question `asked` (without its mark) as a statement."""
    question = polar_question(asked, is_yes=is_yes)
    if not question.body:
        text = sentence(f"{_SEES.sub('is there', asked)}? {'yes' if question.is_affirmed else 'no'}")
        return Statement(text, "a question without a subject")
    return next(rule for rule in RULES if rule.fits(question)).make(question)


def _asks_for_existence(question: PolarQuestion) -> bool:
    return question.auxiliary in BE and question.body[0].lower() == "there"


def _asks_for_presence(question: PolarQuestion) -> bool:
    first, last = question.body[0].lower(), question.body[-1].lower()
    return question.auxiliary in BE and last in _PRESENT and first not in _DEFINITE


def _exists(question: PolarQuestion) -> Statement:
    before, thing = f"There {question.auxiliary}", " ".join(question.body[1:])
    return _existence(before, thing, "", is_affirmed=question.is_affirmed)


def _is_present(question: PolarQuestion) -> Statement:
    thing, after = " ".join(question.body[:-1]), f" {question.auxiliary} {question.body[-1]}"
    return _existence("", thing, after, is_affirmed=question.is_affirmed)


def _existence(before: str, thing: str, after: str, *, is_affirmed: bool) -> Statement:
    """`thing` exists, or none does; "no thing" in the question turns the sense round."""
    first, _, rest = thing.partition(" ")
    if first.lower() == "no" and rest:
        is_affirmed, thing = not is_affirmed, rest
        if is_affirmed and not before.endswith("are"):
            thing = with_article(rest)
    elif first.lower() in {"a", "an", "any", "some"} and rest and not is_affirmed:
        thing = rest
    text = f"{before} {'' if is_affirmed else 'no '}{thing}{after}".strip()
    return Statement(sentence(text), negated=not is_affirmed)


def _does(question: PolarQuestion) -> Statement:
    subject, predicate = split_subject(question.body)
    verb, _, rest = predicate.partition(" ")
    if not question.is_affirmed:
        return Statement(sentence(f"{subject} {question.auxiliary} not {predicate}"), negated=True)
    if question.auxiliary == "does":
        verb = "has" if verb == "have" else verb + ("es" if verb.endswith(_THIRD_PERSON_IN_ES) else "s")
        text = f"{subject} {verb} {rest}"
    else:
        text = f"{subject} {'did ' if question.auxiliary == 'did' else ''}{predicate}"
    return Statement(sentence(text), negated=denies(text))


def _is(question: PolarQuestion) -> Statement:
    subject, predicate = split_subject(question.body)
    text = f"{subject} {question.auxiliary} {'' if question.is_affirmed else 'not '}{predicate}"
    return Statement(sentence(text), negated=not question.is_affirmed)


RULES = (
    PolarRule(
        "is there ...",
        _asks_for_existence,
        _exists,
        (
            Example("is there a yellow shape?", "no", "There is no yellow shape.", negated=True),
            Example(
                "is there not a yellow shape in the image?",
                "yes",
                "There is no yellow shape in the image.",
                negated=True,
            ),
            Example("is there not a yellow shape in the image?", "no", "There is a yellow shape in the image."),
            Example("Are there any people?", "no", "There are no people.", negated=True),
            Example("Are there no people?", "no", "There are people."),
            Example("Can you see a dog?", "yes", "There is a dog."),
        ),
    ),
    PolarRule(
        "is ... present",
        _asks_for_presence,
        _is_present,
        (
            Example("is no rectangle present?", "yes", "No rectangle is present.", negated=True),
            Example("is no rectangle present?", "no", "A rectangle is present."),
            Example("is a red shape present?", "no", "No red shape is present.", negated=True),
            Example("is a red shape present?", "yes", "A red shape is present."),
        ),
    ),
    PolarRule(
        "does ...",
        lambda question: question.auxiliary in {"does", "do", "did"},
        _does,
        (
            Example(
                "does the image not contain a brown shape?",
                "yes",
                "The image does not contain a brown shape.",
                negated=True,
            ),
            Example("does the image contain a brown shape?", "Yes.", "The image contains a brown shape."),
            Example("Does the man have a beard?", "yes", "The man has a beard."),
            Example("Does the cat touch the ball?", "yes", "The cat touches the ball."),
            Example("Do the dogs wear collars?", "yes", "The dogs wear collars."),
            Example("Did the man wear a hat?", "yes", "The man did wear a hat."),
        ),
    ),
    PolarRule(
        "is ..., can ..., has ...",
        lambda _: True,
        _is,
        (
            Example("Is the man wearing a hat?", "No", "The man is not wearing a hat.", negated=True),
            Example("Is the sky blue?", "yes", "The sky is blue."),
            Example("Is it raining?", "no", "It is not raining.", negated=True),
            Example("Is the dog visible?", "no", "The dog is not visible.", negated=True),
            Example("Can the dog swim?", "no", "The dog can not swim.", negated=True),
        ),
    ),
)
