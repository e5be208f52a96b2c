"""What a reward model would learn from preference pairs without looking at a picture: how well length, style or words
alone tell the chosen answer, in pairs that the predictor never saw.

Reward models take such shortcuts, and lose them where the data are other (Li et al., "The Devil Is in the Details:
Tackling Unimodal Spurious Correlations for Generalizable Multimodal Reward Models", 2025). A predictor is a logistic
regression over differences between the two answers, without an intercept, so that it cannot matter which stands first;
folds keep pairs of one question together. Half of the pairs are told by chance.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ops.core.accuracy import wilson
from ops.core.grades import PASS, REJECT, WARN

#: A sparse matrix, a row a pair or a text, a column a feature. What scipy and scikit-learn make of it has no types.
Matrix = Any
_sparse: Any = import_module("scipy.sparse")
_linear: Any = import_module("sklearn.linear_model")
_texts: Any = import_module("sklearn.feature_extraction.text")

FEWEST_PAIRS = 40
"""Below so many pairs nothing is told."""
_FOLDS = 5
_WORDS = 1 << 16
#: A pair's weight is at most so many times the least.
_MOST_WEIGHT = 10.0
_MARKUP = re.compile(r"[*#`_>|]")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_HEDGE = re.compile(r"\b(?:may|might|perhaps|possibly|seems?|appears?|likely|probably|cannot|unclear)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one question (`question` is any key of it), of which the first was preferred."""

    example_id: str
    question: str
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class ShortcutLimits:
    """From which share of pairs on, told without the picture, a shortcut warns or rejects; the lower end of its 95 %
    interval counts. Words may also tell a bad answer for what it is, so that they only warn."""

    warn: float = 0.6
    reject: float = 0.75


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How many pairs `name` alone (length, style, words) tells, as a share, and once they are weighed."""

    name: str
    verdict: str
    pairs: int
    share: float
    interval: tuple[float, float]
    share_weighed: float


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """The shortcuts of a set of pairs; `weights` (n, mean 1) under which length and style tell less, and what they
    leave of the effective sample size (Kish, 1965)."""

    shortcuts: tuple[Shortcut, ...]
    weights: np.ndarray
    effective_share: float


def shortcuts_of(pairs: Sequence[Pair], *, limits: ShortcutLimits | None = None, seed: int = 0) -> Shortcuts:
    """Of at least FEWEST_PAIRS pairs."""
    limits = limits or ShortcutLimits()
    folds = _folds(pairs, seed)
    features = {name: _differences(pairs, measure) for name, measure in _MEASURES.items()}
    chances = {name: _cross_fitted(differences, folds) for name, differences in features.items()}
    both = _cross_fitted(
        _sparse.csr_array(np.hstack([features["length"].toarray(), features["style"].toarray()])), folds
    )
    weights = _weights(both)
    shortcuts = tuple(_shortcut(name, chance, weights, limits) for name, chance in chances.items())
    return Shortcuts(shortcuts, weights, float(weights.sum() ** 2 / (len(weights) * np.sum(weights**2))))


def _shortcut(name: str, chance: np.ndarray, weights: np.ndarray, limits: ShortcutLimits) -> Shortcut:
    is_told = (chance > 0.5) + 0.5 * (chance == 0.5)
    share = float(is_told.mean())
    interval = wilson(share, len(is_told))
    verdict = WARN if interval[0] >= limits.warn else PASS
    if name != "words" and interval[0] >= limits.reject:
        verdict = REJECT
    return Shortcut(name, verdict, len(is_told), share, interval, float(np.average(is_told, weights=weights)))


def _folds(pairs: Sequence[Pair], seed: int) -> np.ndarray:
    """The fold of each pair (n), by its question."""
    questions = sorted({pair.question for pair in pairs})
    order = np.random.default_rng(seed).permutation(len(questions))
    fold = {question: int(at) % _FOLDS for question, at in zip(questions, order, strict=True)}
    return np.array([fold[pair.question] for pair in pairs])


def _cross_fitted(differences: Matrix, folds: np.ndarray) -> np.ndarray:
    """Probability (n) that the chosen answer is the chosen one, by a predictor of the other folds."""
    chance = np.full(differences.shape[0], 0.5)
    for fold in np.unique(folds):
        training = differences[folds != fold]
        if training.shape[0] == 0:
            continue
        # Each pair both ways round: what is learnt is the same whichever answer stands first.
        answers = np.repeat([1, 0], training.shape[0])
        model = _linear.LogisticRegression(fit_intercept=False, max_iter=200).fit(
            _sparse.vstack([training, -training]), answers
        )
        chance[folds == fold] = model.predict_proba(differences[folds == fold])[:, 1]
    return np.where(np.abs(chance - 0.5) < 1e-9, 0.5, chance)


def _weights(chance: np.ndarray) -> np.ndarray:
    """Weights of mean 1: as much less as the shortcut tells a pair more surely."""
    weights = 1 / np.clip(chance, 1 / _MOST_WEIGHT, 1)
    return weights / weights.mean()


def _differences(pairs: Sequence[Pair], measure: Callable[[Sequence[str]], Matrix]) -> Matrix:
    chosen, rejected = measure([pair.chosen for pair in pairs]), measure([pair.rejected for pair in pairs])
    return _sparse.csr_array(chosen - rejected)


def _length(texts: Sequence[str]) -> Matrix:
    return _sparse.csr_array(np.log1p([[len(text.split()), len(text)] for text in texts]))


def _style(texts: Sequence[str]) -> Matrix:
    """Counts for each word, so that length does not come in again."""
    rows = [
        [
            len(_MARKUP.findall(text)),
            len(_ITEM.findall(text)),
            text.count("\n"),
            sum(map(str.isdigit, text)),
            text.count("!"),
            text.count("?"),
            text.count(","),
            sum(map(str.isupper, text)),
            len(_HEDGE.findall(text)),
        ]
        for text in texts
    ]
    words = np.array([[max(1, len(text.split()))] for text in texts])
    return _sparse.csr_array(np.log1p(10 * np.array(rows) / words))


def _words(texts: Sequence[str]) -> Matrix:
    vectorizer = _texts.HashingVectorizer(n_features=_WORDS, ngram_range=(1, 2), alternate_sign=False)
    return _sparse.csr_array(vectorizer.transform(texts))


_MEASURES: dict[str, Callable[[Sequence[str]], Matrix]] = {"length": _length, "style": _style, "words": _words}
