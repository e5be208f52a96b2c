"""The questions that a reward is tried on: each with an answer that is right, one that is wrong, and its pictures.

They come from the corpus: an RL prompt brings its ground truth, a preference pair its two sides, an SFT example its
last answer. Where no wrong answer was delivered one is made: the opposite of yes or no, the next number, or what
another question of the same kind is answered with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.turns import CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT, message_text
from ops.core.vectors import Vectors
from ops.text.closed_answers import ClosedAnswer, answer_to

_ENDS = frozenset((*CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT))
_OPPOSITE = {"yes": "no", "no": "yes"}


@dataclass(frozen=True, slots=True)
class Case:
    """A question: `prompt` is the conversation up to it (role, text), `partner` the place of a question of the same
    kind whose right answer differs, with which pictures are swapped, and `nearest` the one whose picture is most like
    its own; None where there is none. Of a pair (`is_pair`) both answers were delivered."""

    example_id: str
    dataset: str
    prompt: tuple[tuple[str, str], ...]
    question: str
    right: str
    wrong: str | None
    images: tuple[str, ...]
    data_source: str
    is_pair: bool = False
    partner: int | None = None
    nearest: int | None = None


def cases_of(examples: pa.Table, *, seed: int = 0, vectors: Vectors | None = None) -> list[Case]:
    """The cases among examples (schemas.EXAMPLES). Examples without a question or a right answer give none. `vectors`
    are those of their images; one that has none is nobody's nearest."""
    rows = (_case(row) for row in examples.to_pylist())
    cases = [case for case in rows if case is not None]
    likeness = _likeness(cases, vectors) if vectors is not None and len(vectors) else None
    return _with_rivals(cases, np.random.default_rng(seed), likeness)


def _likeness(cases: Sequence[Case], vectors: Vectors) -> np.ndarray:
    """Cosines (n, n) of the cases' first pictures; -inf where one has no vector."""
    first, known = vectors.gather([case.images[0] if case.images else "" for case in cases])
    return np.where(known[:, None] & known[None, :], first @ first.T, -np.inf)


def _case(row: Mapping[str, Any]) -> Case | None:
    texts = [(message["role"], message_text(message)) for message in row["messages"] or ()]
    answers = _answers(row["kind"], texts)
    if answers is None:
        return None
    asked, right, wrong = answers
    question = next((text for role, text in reversed(asked) if role == "user"), "")
    if not question.strip() or not right.strip():
        return None
    return Case(
        example_id=row["example_id"],
        dataset=row["dataset"] or "",
        prompt=tuple((role if role in ("system", "user", "tool") else "assistant", text) for role, text in asked),
        question=question,
        right=right,
        wrong=wrong,
        images=tuple(row["image_ids"] or ()),
        data_source=row["dataset"] or "",
        is_pair=wrong is not None,
    )


def _answers(kind: str, texts: Sequence[tuple[str, str]]) -> tuple[Sequence[tuple[str, str]], str, str | None] | None:
    """The conversation that asks, the right answer, and a wrong one where it was delivered."""
    asked = [(role, text) for role, text in texts if role not in _ENDS]
    ends = {role: text for role, text in reversed(texts) if role in _ENDS}
    if kind == "prompt":
        return (asked, ends[GROUND_TRUTH], None) if GROUND_TRUTH in ends else None
    if kind == "preference":
        return (asked, ends["chosen"], ends["rejected"]) if {"chosen", "rejected"} <= ends.keys() else None
    last = max((at for at, (role, _) in enumerate(asked) if role == "assistant"), default=None)
    return None if not last else (asked[:last], asked[last][1], None)


def _with_rivals(cases: Sequence[Case], rng: np.random.Generator, likeness: np.ndarray | None) -> list[Case]:
    """The cases with their partners, and with a wrong answer where none was delivered."""
    closed = [answer_to(case.question, case.right) for case in cases]
    groups: dict[str, list[int]] = {}
    for at, answer in enumerate(closed):
        groups.setdefault(answer.kind if answer else "", []).append(at)
    completed: list[Case] = []
    for at, case in enumerate(cases):
        answer = closed[at]
        rivals = [n for n in groups[answer.kind if answer else ""] if _differ(cases, closed, at, n)]
        rival = int(rng.choice(rivals)) if rivals else None
        wrong = case.wrong or _opposite(answer) or (cases[rival].right if rival is not None else None)
        pictured = [n for n in rivals if cases[n].images]
        partner = int(rng.choice(pictured)) if pictured else None
        nearest = None if likeness is None else _nearest(likeness[at], pictured)
        completed.append(replace(case, wrong=wrong, partner=partner, nearest=nearest))
    return completed


def _differ(cases: Sequence[Case], closed: Sequence[ClosedAnswer | None], at: int, other: int) -> bool:
    mine, theirs = closed[at], closed[other]
    if mine is not None and theirs is not None:
        return mine.value != theirs.value
    return cases[at].right.strip().casefold() != cases[other].right.strip().casefold()


def _nearest(likeness: np.ndarray, places: Sequence[int]) -> int | None:
    """The place of the most alike picture."""
    alike = [n for n in places if np.isfinite(likeness[n])]
    return max(alike, key=lambda n: likeness[n], default=None)


def _opposite(answer: ClosedAnswer | None) -> str | None:
    if answer is None:
        return None
    if answer.kind == "number" and answer.value.isdecimal():
        return str(int(answer.value) + 1)
    return _OPPOSITE.get(answer.value)
