"""Linear classifiers of texts: by their words, and by length and style alone.

Two logistic regressions tell two kinds of text apart, one by hashed words and pairs of neighbouring words, one by a few
figures of length and style. Where the second is as good as the first, what they tell apart is length and style.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ops.core.canonical import canonical_query

WIDTH = 1 << 14
"""Places that words and pairs of words are hashed to."""

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_LISTED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_ROUNDS, _RATE, _PENALTY = 200, 0.1, 1e-3
_MOST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Features:
    """A sparse matrix (`shape`: texts, columns) as the row, column and value of each entry."""

    row: np.ndarray
    column: np.ndarray
    value: np.ndarray
    shape: tuple[int, int]

    def times(self, weights: np.ndarray) -> np.ndarray:
        """The matrix times a vector of its columns."""
        return np.bincount(self.row, self.value * weights[self.column], self.shape[0])

    def turned_times(self, errors: np.ndarray) -> np.ndarray:
        """The transposed matrix times a vector of its rows."""
        return np.bincount(self.column, self.value * errors[self.row], self.shape[1])

    def of(self, chosen: np.ndarray) -> "Features":
        """The rows (n, bool) that are chosen."""
        place = np.cumsum(chosen) - 1
        kept = chosen[self.row]
        shape = (int(chosen.sum()), self.shape[1])
        return Features(place[self.row[kept]], self.column[kept], self.value[kept], shape)


@dataclass(frozen=True, slots=True)
class Linear:
    """A fitted classifier: a weight for each column, and the bias."""

    weights: np.ndarray
    bias: float

    def probability(self, features: Features) -> np.ndarray:
        """Of each text, that it is of the kind fitted as true, were both kinds equally frequent."""
        return _sigmoid(features.times(self.weights) + self.bias)


def words_of(texts: Sequence[str | None]) -> Features:
    """The words and pairs of words of each text, together of length 1; of a long text the first thousand words."""
    places = [_places(text or "") for text in texts]
    sizes = np.array([len(columns) for columns in places], dtype=np.int64)
    row = np.repeat(np.arange(len(places)), sizes)
    column = np.concatenate([np.empty(0, dtype=np.int64), *places])
    return Features(row, column, 1 / np.sqrt(np.maximum(sizes, 1))[row], (len(places), WIDTH))


def style_of(texts: Sequence[str | None]) -> Features:
    """Length and style of each text: words, characters, length of words, sentences, commas, capitals, digits, lines."""
    table = np.array([_style(text or "") for text in texts], dtype=np.float64).reshape(-1, 8)
    row, column = np.indices(table.shape)
    return Features(row.ravel(), column.ravel(), table.ravel(), table.shape)


def fit_linear(features: Features, is_true: np.ndarray) -> Linear:
    """Logistic regression on n texts of which `is_true` (n, bool) says the kind: full batches, Adam, a small penalty on
    the weights. Both kinds weigh the same however many of them there are."""
    square = np.bincount(features.column, features.value**2, features.shape[1]) / max(1, features.shape[0])
    scale = 1 / np.sqrt(np.maximum(square, 1e-12)) if features.shape[1] < WIDTH else np.full(features.shape[1], 10.0)
    parts = np.maximum([np.sum(~is_true), np.sum(is_true)], 1)
    share = 0.5 / parts[is_true.astype(np.int64)]
    weights, mean, spread = (np.zeros(features.shape[1] + 1) for _ in range(3))
    for step in range(1, _ROUNDS + 1):
        errors = share * (_sigmoid(features.times(weights[:-1] * scale) + weights[-1]) - is_true)
        slope = np.append(features.turned_times(errors) * scale + _PENALTY * weights[:-1], errors.sum())
        mean, spread = 0.9 * mean + 0.1 * slope, 0.99 * spread + 0.01 * slope**2
        change = (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.99**step)) + 1e-8)
        weights = weights - _RATE * (1 - (step - 1) / _ROUNDS) * change
    return Linear(weights[:-1] * scale, float(weights[-1]))


def _sigmoid(score: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(score, -30, 30)))


def _places(text: str) -> np.ndarray:
    words = _WORD.findall(canonical_query(text))[:_MOST_WORDS]
    runs = {*words, *(f"{one} {other}" for one, other in pairwise(words))}
    return np.unique(np.array([zlib.crc32(run.encode()) % WIDTH for run in runs], dtype=np.int64))


def _style(text: str) -> tuple[float, ...]:
    words = _WORD.findall(text)
    count, letters = max(1, len(words)), max(1, len(text))
    return (
        float(np.log1p(len(words))),
        float(np.log1p(len(text))),
        sum(map(len, words)) / count,
        len(_SENTENCE.findall(text)) / count,
        sum(text.count(mark) for mark in ",;:") / count,
        sum(map(str.isupper, text)) / letters,
        sum(map(str.isdigit, text)) / letters,
        float(np.log1p(len(_LISTED.findall(text)) + text.count("\n"))),
    )
