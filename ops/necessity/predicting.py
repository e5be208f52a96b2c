"""Predictions of a delivery's answers: turns with their vectors in, cross-fitted log-probabilities out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from ops.core.identity import digest, text_id
from ops.core.vectors import Vectors
from ops.necessity.answers import NO, YES, Answer, affirmed_and_denied
from ops.necessity.crossfit import Predicted, cross_fit, spread
from ops.necessity.heads import HeadSettings, groups
from ops.necessity.tasks import ClosedTask, OpenTask, Turns, words

_Value = TypeVar("_Value", str, Answer, tuple[str, ...])


@dataclass(frozen=True, slots=True)
class AnsweredTurn:
    """A turn whose answer is to be predicted: its query, its pictures (one at least) and its answer."""

    query: str
    image_ids: tuple[str, ...]
    answer: Answer


def predict(
    kind: str,
    turns: Sequence[AnsweredTurn],
    *,
    texts: Vectors,
    images: Vectors,
    folds: int,
    epochs: int,
    most_turns: int,
) -> Predicted:
    """Predictions of n turns whose answers are all classes (`kind` closed), or all told from each other (open). Every
    query, answer and picture has its vector; where all turns are about the same pictures, nothing is predicted (NaN).
    """
    image_sets = [turn.image_ids for turn in turns]
    queries, query_at = _distinct([turn.query for turn in turns])
    pictures, picture_at = _distinct(image_sets)
    answers, answer_at = _distinct([turn.answer for turn in turns])
    vectors = {
        "query": texts.gather([text_id(query) for query in queries])[0],
        "picture": _mean_vectors(pictures, images),
        "answer": texts.gather([text_id(answer.text) for answer in answers])[0],
    }
    data = Turns.of(queries, vectors, queries=query_at, pictures=picture_at, answers=answer_at)
    task: ClosedTask | OpenTask = OpenTask(data)
    if kind == "closed":
        task = ClosedTask(
            data,
            answer_kinds=np.unique([answer.kind for answer in answers], return_inverse=True)[1],
            given=_given(queries, answers),
            polar=_polar_vectors(queries, {turn.query for turn in turns if turn.answer.is_polar}, texts),
            yes=answers.index(YES) if YES in answers else -1,
            no=answers.index(NO) if NO in answers else -1,
        )
    fold_of = spread(groups(image_sets), folds)
    return cross_fit(
        task,
        fold_of,
        _swaps(turns, picture_at, fold_of),
        settings=HeadSettings(epochs=epochs),
        most_rows=most_turns,
        seed=int(digest(kind, size=4), 16),
    )


def _distinct(values: Sequence[_Value]) -> tuple[list[_Value], np.ndarray]:
    """The distinct values in order, and the place of each value among them (n)."""
    ordered = sorted(set(values))
    places = {value: n for n, value in enumerate(ordered)}
    return ordered, np.array([places[value] for value in values], dtype=np.int64)


def _mean_vectors(pictures: Sequence[tuple[str, ...]], images: Vectors) -> np.ndarray:
    """Mean of the images' vectors for each set (m, d)."""
    counts = np.array([len(ids) for ids in pictures])
    vectors, _ = images.gather([i for ids in pictures for i in ids])
    return np.add.reduceat(vectors, np.concatenate([[0], np.cumsum(counts)[:-1]])) / counts[:, None]


def _given(queries: Sequence[str], answers: Sequence[Answer]) -> np.ndarray:
    """Which answers the words of each query name (m, classes; bool)."""
    places: dict[tuple[str, ...], list[int]] = {}
    for n, answer in enumerate(answers):
        places.setdefault(tuple(words(answer.text)), []).append(n)
    given = np.zeros((len(queries), len(answers)), dtype=bool)
    for row, query in enumerate(queries):
        query_words = words(query)
        for phrase in {*((word,) for word in query_words), *pairwise(query_words)}:
            given[row, places.get(phrase, [])] = True
    return given


def _polar_vectors(queries: Sequence[str], polar: set[str], texts: Vectors) -> np.ndarray:
    """For each query (m, d; float16) the vector of what it affirms less that of what it denies, 0 where it is no yes/no
    question or either is missing."""
    rows = [n for n, query in enumerate(queries) if query in polar]
    statements = [affirmed_and_denied(queries[n]) for n in rows]
    affirmed, has_affirmed = texts.gather([text_id(text) for text, _ in statements])
    denied, has_denied = texts.gather([text_id(text) for _, text in statements])
    differences = np.zeros((len(queries), affirmed.shape[1]), dtype=np.float16)
    if rows:
        differences[rows] = np.where((has_affirmed & has_denied)[:, None], affirmed - denied, 0)
    return differences


def _swaps(turns: Sequence[AnsweredTurn], pictures: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """For each turn another picture of its fold, so that the head has not seen that one either."""
    swaps = pictures.copy()
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        known = np.unique(pictures[inside])
        if len(known) < 2:
            continue
        drawn = [int(digest(*turns[n].image_ids, turns[n].query, size=6), 16) for n in inside.tolist()]
        places = np.searchsorted(known, pictures[inside])
        swaps[inside] = known[(places + 1 + np.array(drawn) % (len(known) - 1)) % len(known)]
    return swaps
