"""Small heads on frozen embeddings: one hidden layer, fitted by Adam in plain numpy, the same for the same input.

A head gives logits over candidates: `(relu(x W + b) V + c) codes^T`, plus aligned features (figures that come one for
each candidate, such as the similarity of image and candidate), each times a gate that is linear in x, plus an offset.
With the identity as codes the candidates are classes; with embeddings of answers as codes they are any answers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows to score: inputs `x` (n, p), `codes` (m, k) of the candidates, `aligned` features (each (n, m)), an
    `offset` to the logits and whether a candidate is `barred` for a row (n, m; None for none), and the place `y` (n)
    of each row's answer among the candidates."""

    x: np.ndarray
    codes: np.ndarray
    aligned: tuple[np.ndarray, ...]
    offset: np.ndarray | None
    barred: np.ndarray | None
    y: np.ndarray


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How a head is fitted."""

    hidden: int = 64
    epochs: int = 30
    most_steps: int = 2000
    """Batches after which fitting ends, whatever part of the epochs they are."""
    rate: float = 0.01
    decay: float = 0.01
    batch: int = 128


@dataclass(slots=True)
class Head:
    """A fitted head: its parameters by name."""

    weights: dict[str, np.ndarray]

    def logits(self, batch: Batch) -> np.ndarray:
        """Logits (n, m)."""
        return _forward(self.weights, batch)[0]

    def log_probabilities(self, batch: Batch) -> np.ndarray:
        """Logarithms of the candidates' probabilities (n, m)."""
        return log_softmax(self.logits(batch))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities over the last axis."""
    raised = logits - logits.max(axis=1, keepdims=True)
    return raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))


def fit_head(batch_of: Callable[[np.ndarray], Batch], rows: np.ndarray, settings: HeadSettings, *, seed: int) -> Head:
    """A head fitted on the rows that `batch_of` makes batches of (cross-entropy, AdamW; the rate falls to 0). What it
    adds to the offset is 0 at the start."""
    rng = np.random.default_rng(seed)
    first = batch_of(rows[:1])
    width, code, kinds = first.x.shape[1], first.codes.shape[1], len(first.aligned)
    weights = {
        "w": (rng.normal(size=(width, settings.hidden)) * np.sqrt(2 / width)).astype(np.float32),
        "b": np.zeros(settings.hidden, dtype=np.float32),
        "v": np.zeros((settings.hidden, code), dtype=np.float32),
        "c": np.zeros(code, dtype=np.float32),
        "g": np.zeros((kinds, width), dtype=np.float32),
        "h": np.zeros(kinds, dtype=np.float32),
    }
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in weights.items()}
    size = min(settings.batch, len(rows))
    order = rows
    steps = min(settings.most_steps, settings.epochs * (len(rows) // size))
    for step, start in enumerate(islice(_starts(len(rows), size), steps), start=1):
        if start == 0:
            order = rng.permutation(rows)
        slopes = _slopes(weights, batch_of(np.sort(order[start : start + size])))
        _adam(weights, slopes, moments, rate=settings.rate * (1 - (step - 1) / steps), settings=settings, step=step)
    return Head(weights)


def _starts(count: int, size: int) -> Iterator[int]:
    """Where the batches of each epoch start, without end."""
    while True:
        yield from range(0, count - size + 1, size)


def _forward(weights: dict[str, np.ndarray], batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hidden = np.maximum(batch.x @ weights["w"] + weights["b"], 0)
    logits = (hidden @ weights["v"] + weights["c"]) @ batch.codes.T
    gates = batch.x @ weights["g"].T + weights["h"]
    for n, feature in enumerate(batch.aligned):
        logits = logits + gates[:, n : n + 1] * feature
    if batch.offset is not None:
        logits = logits + batch.offset
    if batch.barred is not None:
        logits = np.where(batch.barred, np.float32(-1e9), logits)
    return logits, hidden, gates


def _slopes(weights: dict[str, np.ndarray], batch: Batch) -> dict[str, np.ndarray]:
    """The gradient of the mean cross-entropy."""
    logits, hidden, _ = _forward(weights, batch)
    error = np.exp(log_softmax(logits))
    error[np.arange(len(error)), batch.y] -= 1
    error /= len(error)
    coded = error @ batch.codes
    below = (coded @ weights["v"].T) * (hidden > 0)
    gates = np.array([(error * feature).sum(axis=1) for feature in batch.aligned], dtype=np.float32)
    gates = gates.reshape(len(batch.aligned), len(error))
    return {
        "w": batch.x.T @ below,
        "b": below.sum(axis=0),
        "v": hidden.T @ coded,
        "c": coded.sum(axis=0),
        "g": gates @ batch.x,
        "h": gates.sum(axis=1),
    }


def _adam(
    weights: dict[str, np.ndarray],
    slopes: dict[str, np.ndarray],
    moments: dict[str, tuple[np.ndarray, np.ndarray]],
    *,
    rate: float,
    settings: HeadSettings,
    step: int,
) -> None:
    for name, slope in slopes.items():
        mean, square = moments[name]
        mean += 0.1 * (slope - mean)
        square += 0.001 * (slope * slope - square)
        change = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + _TINY)
        decay = settings.decay if weights[name].ndim > 1 else 0.0
        weights[name] -= rate * (change + decay * weights[name])


def principal(matrix: np.ndarray, dims: int) -> np.ndarray:
    """The rows' main components (n, at most `dims`; float32), centred and scaled so that their mean square is 1."""
    if not matrix.size:
        return np.zeros((len(matrix), 0), dtype=np.float32)
    centred = matrix - matrix.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    kept = vectors[:, np.argsort(values)[::-1][:dims]]
    # The sign of an eigenvector is arbitrary.
    kept = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    parts: np.ndarray = centred @ kept
    # The square root of each component's spread: large ones stay larger, yet do not drown the small ones.
    spread = np.maximum(parts.std(axis=0), 1e-6)
    parts = parts / np.sqrt(spread)
    return (parts / max(float(np.sqrt(np.mean(parts**2))), 1e-6)).astype(np.float32)


def groups(sets: Sequence[Sequence[str]]) -> list[str]:
    """A name for each set of ids, equal where sets are linked by shared ids: the least id of the linked sets."""
    # scipy's connected components want numbers for ids: 2.6 s rather than 2.5 for 200,000 sets that hang together, and
    # 3.2 rather than 1.9 where few do.
    parent: dict[str, str] = {}

    def root(member: str) -> str:
        while parent.setdefault(member, member) != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for ids in sets:
        roots = sorted({root(member) for member in ids})
        for other in roots[1:]:
            parent[other] = roots[0]
    return [root(ids[0]) if ids else "" for ids in sets]
