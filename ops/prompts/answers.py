"""What a rollout answers, and whether that is the ground truth.

The answer is what the response marks as one (`<answer>`, `\\boxed{}`, `####`, "the answer is"), after any thoughts in
`<think>`. A response that marks nothing answers only where it can be meant in one way: it is short, or holds one number
or one option's letter. Else nothing is said of it."""

import re

from ops.boxes.geometry import Corners, overlap
from ops.core.canonical import canonical_response
from ops.prompts import mathematics
from ops.prompts.truths import Truth, boxes_in, choice, last_boxed, number, options
from ops.text.closed_answers import closed_answer

LEAST_OVERLAP = 0.5
"""Intersection over union from which a box is the one that was asked for."""
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_TAG = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)
_SAYS = re.compile(
    r"\b(?:(?:final |correct )?answer|correct option|result)\s*(?:is|:|=)+\s*[:*]*\s*(.+?)\s*(?:\.\s|\.?$|\n)", re.I
)
_FIGURES = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?!\w)")
_LETTERS = re.compile(r"(?<![\w'])\(?([A-J])\)?(?=$|[\s.,:;)])")
_SHORT_WORDS = 5


def marked_answer(response: str) -> tuple[str | None, bool]:
    """What the response answers, and whether it marks it as its answer."""
    spoken = _THOUGHTS.sub(" ", response).strip()
    tagged = _TAG.findall(spoken)
    if tagged:
        inner = tagged[-1]
        boxed = last_boxed(inner)
        return (inner if boxed is None else boxed), True
    boxed = last_boxed(spoken)
    if boxed is not None:
        return boxed, True
    if "####" in spoken:
        return spoken.rpartition("####")[2].strip(), True
    announced = _SAYS.findall(spoken)
    if announced:
        return announced[-1].strip("*` "), True
    return spoken, False


def is_right(response: str, truth: Truth, question: str) -> bool | None:
    """Whether the response answers with the truth; None where it cannot be told."""
    answer, is_marked = marked_answer(response)
    if answer is None or not truth.is_readable:
        return None
    if not answer:
        return False if is_marked else None
    text = answer.strip().strip("$").strip()
    match truth.rule:
        case "number":
            given = _number(text)
            return None if given is None and not is_marked else given in truth.values
        case "choice":
            letter = _letter(text, question) if is_marked or len(text.split()) <= _SHORT_WORDS else None
            return None if letter is None and not is_marked else letter in truth.values
        case "box":
            return _same_boxes(text, truth, is_marked=is_marked)
        case "mathematics":
            return _same_mathematics(text, truth, is_marked=is_marked)
        case _:
            if not is_marked and len(text.split()) > _SHORT_WORDS:
                return None
            return any(_same_text(text, value) for value in truth.values)


def _number(text: str) -> str | None:
    whole = number(text)
    if whole is not None:
        return whole
    closed = closed_answer(text)
    if closed and closed.kind == "number":
        return number(closed.value)
    numbers = {number(figures) for figures in _FIGURES.findall(text)}
    return numbers.pop() if len(numbers) == 1 else None


def _letter(text: str, question: str) -> str | None:
    letter, _ = choice(text, question)
    if letter is not None:
        return letter
    offered = options(question)
    letters = {name for name in _LETTERS.findall(text) if name in offered or not offered}
    return letters.pop() if len(letters) == 1 else None


def _same_boxes(text: str, truth: Truth, *, is_marked: bool) -> bool | None:
    given = boxes_in(text)
    if not given:
        return False if is_marked else None
    corners = [Corners(*box) for box in given]
    return all(any(overlap(box, Corners(*wanted)) >= LEAST_OVERLAP for box in corners) for wanted in truth.boxes)


def _same_mathematics(text: str, truth: Truth, *, is_marked: bool) -> bool | None:
    if not is_marked and len(text.split()) > _SHORT_WORDS:
        return None
    given = number(text)
    for value in truth.values:
        wanted = number(value)
        if given is not None and wanted is not None:
            if given == wanted:
                return True
        elif text == value or mathematics.equal(value, text):
            return True
    return False


def _same_text(first: str, second: str) -> bool:
    closed = closed_answer(first), closed_answer(second)
    if closed[0] and closed[1]:
        return closed[0] == closed[1]
    return _plain(first) == _plain(second)


def _plain(text: str) -> str:
    return canonical_response(text).casefold().strip(" .!\"'`")
