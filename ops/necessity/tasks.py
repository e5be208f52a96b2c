"""Turns as inputs of small heads: what a question, a picture and the candidate answers look like to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np

from ops.necessity.heads import Batch, principal
from ops.text.numbers import figures

_PARTS = 64
_HASHED = 128
_NAMED = 3  # the size of that feature: gates start at 0, so that a larger one is learnt from fewer turns
_WORD = re.compile(r"[^\W_]+")
_SPELT = {"gray": "grey"} | figures(10)


def words(text: str) -> list[str]:
    """The words of a text in lower case, numbers as figures."""
    return [_SPELT.get(word, word) for word in map(str, _WORD.findall(text.lower()))]


@dataclass(frozen=True, slots=True)
class Turns:
    """What is known of n turns of one kind of answer, in a fixed order.

    `queries` and `pictures` (n) are places in `query_parts` (inputs of the heads) and `picture_parts`; `raw_queries`
    and `raw_pictures` hold the same as centred unit vectors; `answers` (n) are places in `answer_parts` and
    `raw_answers`.
    """

    queries: np.ndarray
    pictures: np.ndarray
    answers: np.ndarray
    query_parts: np.ndarray
    picture_parts: np.ndarray
    answer_parts: np.ndarray
    raw_queries: np.ndarray
    raw_pictures: np.ndarray
    raw_answers: np.ndarray

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        vectors: dict[str, np.ndarray],
        *,
        queries: np.ndarray,
        pictures: np.ndarray,
        answers: np.ndarray,
    ) -> "Turns":
        """From the texts of the distinct queries, and the vectors (each (m, d)) named query, picture and answer."""
        raw = {name: _centred(matrix) for name, matrix in vectors.items()}
        hashed = np.stack([_hashed(text) for text in texts]) if texts else np.zeros((0, _HASHED), dtype=np.float32)
        parts = np.concatenate([principal(vectors["query"], _PARTS), hashed], axis=1)
        return cls(
            queries,
            pictures,
            answers,
            parts,
            principal(vectors["picture"], _PARTS),
            principal(vectors["answer"], _PARTS),
            raw["query"],
            raw["picture"],
            raw["answer"],
        )


def _centred(matrix: np.ndarray) -> np.ndarray:
    if not len(matrix):
        return matrix.astype(np.float32)
    centred = matrix - matrix.mean(axis=0)
    return (centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def _hashed(text: str) -> np.ndarray:
    """Signed counts of words and pairs of words, hashed into a fixed width (Weinberger et al., 2009)."""
    counts = np.zeros(_HASHED, dtype=np.float32)
    tokens = words(text)[:200]
    for token in (*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))):
        drawn = int.from_bytes(blake2b(token.encode(), digest_size=4).digest())
        counts[drawn % _HASHED] += 1 if drawn >> 31 else -1
    return counts / max(float(np.linalg.norm(counts)), 1.0) * np.float32(np.sqrt(_HASHED) / 4)


@dataclass(frozen=True, slots=True)
class ClosedTask:
    """Turns whose answers are classes, at the places of `answers`. For each distinct query, `given` (m, classes) marks
    the classes that it names and `polar` (m, d; float16) is the vector of the affirmed less that of the denied
    question, 0 where it is no yes/no question; `yes` and `no` are the places of these answers, -1 where not there;
    `answer_kinds` (classes) are numbers of the kinds of answer."""

    turns: Turns
    answer_kinds: np.ndarray
    given: np.ndarray
    polar: np.ndarray
    yes: int
    no: int

    def kinds(self, _rows: np.ndarray) -> np.ndarray:
        """The kinds of the candidates of any rows (m)."""
        return self.answer_kinds

    def batch(self, rows: np.ndarray, *, offset: np.ndarray | None, pictures: np.ndarray | None) -> Batch:
        """The rows as a batch: with the picture of each (places in `raw_pictures`), or of the query alone."""
        turns = self.turns
        asked = turns.queries[rows]
        codes = np.eye(len(turns.raw_answers), dtype=np.float32)
        x = turns.query_parts[asked]
        if pictures is None:
            aligned = self._named(asked)
        else:
            vectors = turns.raw_pictures[pictures]
            polar = np.zeros((len(rows), len(codes)), dtype=np.float32)
            leaning = np.einsum("nd,nd->n", self.polar[asked].astype(np.float32), vectors) * 8
            if self.yes >= 0:
                polar[:, self.yes] = leaning
            if self.no >= 0:
                polar[:, self.no] -= leaning
            aligned = (vectors @ turns.raw_answers.T * 8, polar)
            x = np.concatenate([x, turns.picture_parts[pictures]], axis=1)
        return Batch(x, codes, aligned, offset, None, turns.answers[rows])

    def _named(self, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The classes that each query names, apart for yes/no questions: these name what they ask about, and are many,
        so that one gate for all would not learn from a few others that name their own answer."""
        named = self.given[asked] * np.float32(_NAMED)
        is_polar = self.polar[asked].any(axis=1, keepdims=True)
        return named * ~is_polar, named * is_polar


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Turns whose answers are told from those of the other turns in their batch."""

    turns: Turns

    def kinds(self, rows: np.ndarray) -> np.ndarray:
        """The kinds of these rows' candidates (m): all alike."""
        return np.zeros(len(rows), dtype=np.int64)

    def batch(self, rows: np.ndarray, *, offset: np.ndarray | None, pictures: np.ndarray | None) -> Batch:
        """The rows as a batch: with the picture of each (places in `raw_pictures`), or of the query alone."""
        turns = self.turns
        asked, answered = turns.queries[rows], turns.answers[rows]
        candidates = turns.raw_answers[answered]
        x, given = turns.query_parts[asked], turns.raw_queries[asked]
        if pictures is not None:
            given = turns.raw_pictures[pictures]
            x = np.concatenate([x, turns.picture_parts[pictures]], axis=1)
        barred = (answered[:, None] == answered[None, :]) & ~np.eye(len(rows), dtype=bool)
        return Batch(x, turns.answer_parts[answered], (given @ candidates.T * 8,), offset, barred, np.arange(len(rows)))
