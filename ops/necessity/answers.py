"""Answers as the heads know them: classes where they are short and frequent, else texts of their own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops.text.closed_answers import closed_answer
from ops.text.image_turns import ImageTurn
from ops.text.statements import rewrite

_MOST_CLASSES = 128


@dataclass(frozen=True, slots=True, order=True)
class Answer:
    """An answer: its text, and its kind where it is closed (ops.text.closed_answers), else empty."""

    text: str
    kind: str

    @property
    def is_polar(self) -> bool:
        """Whether it says yes or no."""
        return self.kind == "yes_no"


YES, NO = Answer("yes", "yes_no"), Answer("no", "yes_no")


def answer_of(turn: ImageTurn) -> Answer | None:
    """The turn's answer; None where the answer or the query says nothing."""
    if turn.statement.uninformative or not turn.turn.query.strip():
        return None
    closed = closed_answer(turn.turn.answer)
    return Answer(closed.value, closed.kind) if closed else Answer(turn.turn.answer.strip(), "")


def affirmed_and_denied(query: str) -> tuple[str, str]:
    """The statements that a yes/no question makes with either answer."""
    return rewrite(query, "yes").text, rewrite(query, "no").text


def are_classes(answers: Sequence[Answer | None], *, fewest: int) -> np.ndarray:
    """Which of the answers (n, bool) are classes: closed, and given at least `fewest` times; the commonest 128."""
    counts = Counter(answer for answer in answers if answer and answer.kind)
    frequent = sorted((-count, answer.kind, answer.text) for answer, count in counts.items() if count >= fewest)
    classes = {Answer(text, kind) for _, kind, text in frequent[:_MOST_CLASSES]}
    return np.array([answer in classes for answer in answers], dtype=bool)
