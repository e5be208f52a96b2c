"""What a vision-language model is asked about a delivery's turns, and what it answered, by content.

Each turn is asked three times: with its pictures, with none, and with those of another turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.identity import digest
from ops.core.sorted_keys import places, sorted_keys
from ops.text.image_turns import ImageTurn
from ops.text.language import NOT_ENGLISH


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the answer whose likelihood is wanted, and the pictures that are shown with it."""

    query: str
    answer: str
    image_ids: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its place in the `likelihoods` table."""
        return digest("likelihood", self.query, self.answer, *self.image_ids)


@dataclass(frozen=True, slots=True)
class Trio:
    """One turn with its pictures, with none, and with another turn's; None where the delivery has no others."""

    real: Question
    missing: Question
    swapped: Question | None


@dataclass(frozen=True, slots=True)
class LikelihoodTable:
    """`keys` (n, sorted, fixed-width bytes), the log-likelihood of each answer in `nats` (n) and its `tokens` (n)."""

    keys: np.ndarray
    nats: np.ndarray
    tokens: np.ndarray

    @classmethod
    def of(cls, keys: Sequence[str], nats: Sequence[float], tokens: Sequence[int]) -> "LikelihoodTable":
        """From keys in any order, each at most once."""
        names, order = sorted_keys(keys)
        return cls(names, np.array(nats, np.float64)[order], np.array(tokens, np.int64)[order])

    def a_token(self, questions: Sequence[Question | None]) -> np.ndarray:
        """Nats a token of each answer (m), NaN where it is not known."""
        at = places(self.keys, [question.key if question else None for question in questions])
        known = np.flatnonzero(at >= 0)
        with_tokens = known[self.tokens[at[known]] != 0]
        per_token = np.full(len(at), np.nan)
        per_token[with_tokens] = self.nats[at[with_tokens]] / self.tokens[at[with_tokens]]
        return per_token


NO_LIKELIHOODS = LikelihoodTable.of([], [], [])


def trios(turns: Sequence[ImageTurn]) -> list[Trio | None]:
    """What is asked of each turn; None where its question or its answer says nothing. A model may read other languages
    than the rules that statements are made by.

    The other pictures are the next in an order by their hashes: random with respect to what they show, the same
    whatever the order of the turns, and no picture serves twice.
    """
    image_sets = sorted({turn.image_ids for turn in turns}, key=lambda ids: digest("swap", *ids))
    following = dict(zip(image_sets, [*image_sets[1:], *image_sets[:1]], strict=True))
    asked: list[Trio | None] = []
    for turn in turns:
        query, answer = turn.turn.query.strip(), turn.turn.answer.strip()
        if turn.statement.uninformative not in ("", NOT_ENGLISH) or not query:
            asked.append(None)
            continue
        other = following[turn.image_ids]
        swapped = Question(query, answer, other) if set(other).isdisjoint(turn.image_ids) else None
        asked.append(Trio(Question(query, answer, turn.image_ids), Question(query, answer, ()), swapped))
    return asked
