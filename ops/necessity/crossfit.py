"""Cross-fitted pointwise usable information: what a picture adds to the answer, by heads that never saw the turn.

Two heads for each fold, fitted on the other folds: one of the query, and one that starts from it and adds the picture
(PVI, Ethayarajh et al., "Understanding Dataset Difficulty with V-Usable Information", 2022; the empty input of that
paper is here the query without a picture).
"""

from dataclasses import dataclass, fields

import numpy as np

from ops.core.identity import digest
from ops.necessity.calibration import Calibration, Tried
from ops.necessity.heads import Batch, Head, HeadSettings, fit_head, log_softmax
from ops.necessity.tasks import ClosedTask, OpenTask

# Share of an even guess mixed into each prediction, so that no logarithm runs away.
_EVEN = 0.01
_CHUNK = 64
# Chunks of a fold that show how right heads are.
_TRIED_CHUNKS = 32


@dataclass(frozen=True, slots=True)
class Predicted:
    """For n turns, natural logarithms: of the answer's probability from the query alone, with the picture, and with
    another picture; `trusted` is the first as far as the head was right about turns that it did not see; `information`
    is how far the picture moves the prediction, whatever the answer (Kullback-Leibler divergence, nats); `candidates`
    the number of answers chosen among."""

    text: np.ndarray
    picture: np.ndarray
    swapped: np.ndarray
    trusted: np.ndarray
    information: np.ndarray
    candidates: np.ndarray

    @classmethod
    def empty(cls, count: int) -> "Predicted":
        """Room for n turns."""
        return cls(*(np.full(count, np.nan, dtype=np.float32) for _ in fields(cls)))

    def put(self, rows: np.ndarray, part: "Predicted") -> None:
        """Takes in the predictions of these rows."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(part, field.name)


def cross_fit(
    task: ClosedTask | OpenTask,
    folds: np.ndarray,
    swaps: np.ndarray,
    *,
    settings: HeadSettings,
    most_rows: int,
    seed: int,
) -> Predicted:
    """Predictions of every turn of the task. `folds` (n) keep turns that share a picture together; `swaps` (n) are
    places of other pictures. A head is fitted on at most `most_rows` turns, drawn at random; how far it is to be
    trusted, the heads of the other folds tell."""
    fitted: list[_Fold] = []
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(outside):
            continue
        rng = np.random.default_rng((seed, int(fold)))
        train = np.sort(rng.permutation(outside)[:most_rows])
        heads = _fit(task, train, settings, seed=seed)
        chunks = np.array_split(rng.permutation(inside), -(-len(inside) // _CHUNK))
        fitted.append(_Fold(heads, [np.sort(chunk) for chunk in chunks]))
    tried = [_tried(task, fold) for fold in fitted]
    predicted = Predicted.empty(len(folds))
    for n, fold in enumerate(fitted):
        calibration = Calibration.fitted([part for m, parts in enumerate(tried) if m != n for part in parts])
        for rows in fold.chunks:
            _predict(task, fold.heads, calibration, rows, swaps, predicted)
    return predicted


@dataclass(frozen=True, slots=True)
class _Fold:
    """The heads fitted on the turns outside a fold, and the turns inside it, in chunks."""

    heads: tuple[Head, Head]
    chunks: list[np.ndarray]


def _fit(task: ClosedTask | OpenTask, train: np.ndarray, settings: HeadSettings, *, seed: int) -> tuple[Head, Head]:
    def asked(rows: np.ndarray) -> Batch:
        return task.batch(rows, offset=None, pictures=None)

    text = fit_head(asked, train, settings, seed=seed)

    def with_picture(rows: np.ndarray) -> Batch:
        return task.batch(rows, offset=text.logits(asked(rows)), pictures=task.turns.pictures[rows])

    return text, fit_head(with_picture, train, settings, seed=seed + 1)


def _tried(task: ClosedTask | OpenTask, fold: _Fold) -> list[Tried]:
    """How right the head of the query alone is about some turns of the fold."""
    tried: list[Tried] = []
    for rows in fold.chunks[:_TRIED_CHUNKS]:
        asked = task.batch(rows, offset=None, pictures=None)
        tried.append(Tried.of(np.exp(fold.heads[0].log_probabilities(asked)), task.kinds(rows), asked.y))
    return tried


def _predict(
    task: ClosedTask | OpenTask,
    heads: tuple[Head, Head],
    calibration: Calibration,
    rows: np.ndarray,
    swaps: np.ndarray,
    into: Predicted,
) -> None:
    asked = task.batch(rows, offset=None, pictures=None)
    offset = heads[0].logits(asked)
    at = np.arange(len(rows)), asked.y
    chosen_among = np.full(len(rows), offset.shape[1]) - (0 if asked.barred is None else asked.barred.sum(axis=1))

    def smoothed(probabilities: np.ndarray) -> np.ndarray:
        return np.log((1 - _EVEN) * probabilities + _EVEN / chosen_among[:, None])

    def with_pictures(pictures: np.ndarray) -> np.ndarray:
        return smoothed(np.exp(log_softmax(heads[1].logits(task.batch(rows, offset=offset, pictures=pictures)))))

    alone = np.exp(log_softmax(offset))
    text, picture = smoothed(alone), with_pictures(task.turns.pictures[rows])
    into.trusted[rows] = smoothed(calibration.applied(alone, task.kinds(rows)))[at]
    into.text[rows] = text[at]
    into.picture[rows] = picture[at]
    into.swapped[rows] = with_pictures(swaps[rows])[at]
    into.information[rows] = (np.exp(picture) * (picture - text)).sum(axis=1)
    into.candidates[rows] = chosen_among


def spread(names: list[str], parts: int) -> np.ndarray:
    """A fold for each name (n), equal for equal names: the names' hashes dealt out in turn, so that folds are even."""
    distinct = sorted(set(names), key=lambda name: digest("fold", name))
    place: dict[str, int] = {name: n % parts for n, name in enumerate(distinct)}
    return np.array([place[name] for name in names], dtype=np.int64)
