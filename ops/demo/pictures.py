"""The test split of easy-VQA: 1,000 pictures of one coloured shape, with 9,673 questions and their answers.

The package `easy-vqa` ships it (MIT licence). What a picture shows is not given there; it is solved from the questions
and answers, so that a swapped picture can be proved to make a statement false.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import easy_vqa

SHAPES = ("circle", "rectangle", "triangle")
COLOURS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
_SUBJECT = re.compile(rf"\b({'|'.join((*SHAPES, *COLOURS))})\b")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture shows."""

    shape: str
    colour: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with all its questions and answers, and everything that it can show if these are right."""

    path: Path
    turns: tuple[tuple[str, str], ...]
    possible: tuple[Facts, ...]


@cache
def answer(question: str, facts: Facts) -> str | None:
    """The true answer to an easy-VQA question about a picture; None where it asks for a thing that is not there."""
    match = _SUBJECT.search(question)
    subject = match[1] if match else None
    present = subject is None or subject in (facts.shape, facts.colour)
    if question.startswith("what"):
        wanted = facts.colour if "color" in question else facts.shape
        return wanted if present else None
    negated = re.search(r"\b(?:no|not)\b", question) is not None
    return "yes" if present != negated else "no"


def false_turns(turns: tuple[tuple[str, str], ...], picture: Picture) -> int:
    """How many of the questions and answers are untrue of the picture, at least."""
    return min(_false_turns(turns, facts) for facts in picture.possible)


def load_pictures() -> list[Picture]:
    """The pictures of the test split, in the order of their numbers there."""
    return list(_solved())


@cache
def _solved() -> tuple[Picture, ...]:
    turns: dict[int, list[tuple[str, str]]] = {}
    for question, reply, number in zip(*easy_vqa.get_test_questions(), strict=True):
        turns.setdefault(number, []).append((question, reply))
    paths = easy_vqa.get_test_image_paths()
    return tuple(Picture(Path(paths[n]), tuple(turns[n]), _possible(tuple(turns[n]))) for n in sorted(turns))


def _false_turns(turns: tuple[tuple[str, str], ...], facts: Facts) -> int:
    return sum(answer(question, facts) != reply for question, reply in turns)


def _possible(turns: tuple[tuple[str, str], ...]) -> tuple[Facts, ...]:
    every = (Facts(shape, colour) for shape, colour in product(SHAPES, COLOURS))
    fitting = tuple(facts for facts in every if _false_turns(turns, facts) == 0)
    if not fitting:
        raise ValueError(f"no shape and colour fit these answers: {turns}")
    return fitting
