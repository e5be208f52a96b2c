"""How well the texts of a batch fit their images, and how well the same texts fit the bank's images.

The score of a text beside an image is their cosine less what the image gives to any text, one half of negCLIPLoss's
normaliser (Wang et al., "CLIPLoss and Norm-Based Data Selection Methods for Multimodal Contrastive Learning", 2024):
an image that is near everything gains nothing by it. The other half depends on the text alone: it shifts the margin
and changes no rank.

A long text's cosine is the mean over the whole and each of its sentences and noun phrases (F-CLIPScore, Oh and Hwang,
"Do Vision Encoders Truly Explain Object Hallucination?", 2025). A mean of cosines is the cosine with the mean of the
texts' unit vectors, so that one vector stands for them all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.identity import text_id
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.text.image_turns import ImageTurn, statement_texts
from ops.text.text_parts import split_parts

#: Cosines closer than this are equal: the order in which a product is summed must not decide a rank.
TIE = 1e-5
_CHUNK_TURNS = 4096


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a chunk of n turns.

    cosine (n): with the best of the turn's images; own (n): that image's score; bank (n, k): scores of the bank's
    images, minus infinity for the turn's own; normaliser (n): what the text gives to any image; best (n): the id of
    that best image; known (n): whether text and image have vectors (the other figures mean nothing where not).
    """

    turns: Sequence[ImageTurn]
    known: np.ndarray
    cosine: np.ndarray
    own: np.ndarray
    bank: np.ndarray
    normaliser: np.ndarray
    best: Sequence[str]


def scored_texts(examples: pa.Table) -> list[str]:
    """The texts that must be embedded: these statements, and the parts of long ones."""
    return [text for statement in statement_texts(examples) for text in (statement, *split_parts(statement))]


def score_turns(inputs: RowInputs, turns: Sequence[ImageTurn], *, temperature: float) -> Iterator[Scores]:
    """Scores of the turns, a chunk at a time, so that memory does not grow with the batch."""
    bank = _Bank(inputs, temperature)
    for start in range(0, len(turns), _CHUNK_TURNS):
        yield _score(turns[start : start + _CHUNK_TURNS], inputs, bank)


def ranks(own: np.ndarray, bank: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each own score (n) among the bank's (n, k), 1 for the best, and how many it was compared with.

    A turn with m images is compared with the best of each m of the bank's, since the best of m is higher by chance.
    """
    rank = np.empty(len(own), dtype=np.int32)
    compared = np.empty(len(own), dtype=np.int32)
    for m in np.unique(images):
        rows = images == m
        groups = bank.shape[1] // m
        best = (
            bank[rows][:, : groups * m].reshape(int(rows.sum()), groups, m).max(axis=2) if groups else bank[rows][:, :0]
        )
        rank[rows] = 1 + (best >= own[rows, None] - TIE).sum(axis=1)
        compared[rows] = np.isfinite(best).sum(axis=1)
    return rank, compared


def hard_ranks(scores: Scores, inputs: RowInputs, nearest: int) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each turn's own score (n), 1 for the best, among the bank's images that are `nearest` to its best image,
    and how many those are. They were chosen for their likeness, so this is no p-value."""
    vectors, _ = inputs.images.gather(scores.best)
    if not scores.bank.shape[1] or not vectors.shape[1]:
        return np.ones(len(vectors), dtype=np.int32), np.zeros(len(vectors), dtype=np.int32)
    near = vectors @ inputs.bank_images.matrix.astype(np.float32).T
    near[~np.isfinite(scores.bank)] = -np.inf
    alike = np.argsort(-near, axis=1, kind="stable")[:, :nearest]
    hard = np.take_along_axis(scores.bank, alike, axis=1)
    rank = 1 + (hard >= scores.own[:, None] - TIE).sum(axis=1)
    return rank.astype(np.int32), np.isfinite(hard).sum(axis=1).astype(np.int32)


def weakest_parts(scores: Scores, inputs: RowInputs) -> tuple[list[str | None], np.ndarray]:
    """Of each turn's sentences (of its noun phrases where it has one sentence) the one that gains least by the turn's
    best image, and that gain (n): its cosine less its mean cosine with the bank's images. None and NaN for a short
    text."""
    flat = [(row, part) for row, one in enumerate(scores.turns) for part in one.parts.sentences or one.parts.phrases]
    weakest: list[str | None] = [None] * len(scores.turns)
    lowest = np.full(len(scores.turns), np.nan, dtype=np.float32)
    bank = inputs.bank_images.matrix.astype(np.float32)
    for start in range(0, len(flat), _CHUNK_TURNS):
        chunk = flat[start : start + _CHUNK_TURNS]
        texts, _ = inputs.texts.gather([text_id(part) for _, part in chunk])
        images, _ = inputs.images.gather([scores.best[row] for row, _ in chunk])
        if not texts.shape[1] or not images.shape[1] or not len(bank):
            continue
        gains = np.einsum("nd,nd->n", texts, images) - (texts @ bank.T).mean(axis=1)
        for (row, part), gain in zip(chunk, gains.tolist(), strict=True):
            if not gain >= lowest[row]:
                lowest[row], weakest[row] = gain, part
    return weakest, lowest


class _Bank:
    """The bank's vectors (float32) and what each of its images gives to any text."""

    def __init__(self, inputs: RowInputs, temperature: float) -> None:
        self.ids = inputs.bank_images
        self.images = inputs.bank_images.matrix.astype(np.float32)
        self.texts = inputs.bank_texts.matrix.astype(np.float32)
        self.temperature = temperature
        self.image_normaliser = self.of_image(self.images)

    def of_image(self, images: np.ndarray) -> np.ndarray:
        """Half the log-mean-exp of the images' cosines (m, d) with the bank's texts, in units of cosine."""
        return self._half(images, self.texts)

    def of_text(self, cosines: np.ndarray) -> np.ndarray:
        """The same for texts, from their cosines (n, k) with the bank's images, minus infinity for their own: a margin
        must not depend on whether the own image happens to be in the bank."""
        return _half_mean(cosines, self.temperature)

    def _half(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        if not len(rows) or not len(others):
            return np.zeros(len(rows), dtype=np.float32)
        return _half_mean(rows @ others.T, self.temperature)


def _half_mean(cosines: np.ndarray, temperature: float) -> np.ndarray:
    if not cosines.shape[1]:
        return np.zeros(len(cosines), dtype=np.float32)
    counted = np.isfinite(cosines).sum(axis=1)
    top = np.where(counted > 0, cosines.max(axis=1), 0)
    mean = np.exp((cosines - top[:, None]) / temperature).sum(axis=1) / np.maximum(counted, 1)
    return np.where(counted > 0, 0.5 * (top + temperature * np.log(np.maximum(mean, 1e-30))), 0).astype(np.float32)


def _score(turns: Sequence[ImageTurn], inputs: RowInputs, bank: _Bank) -> Scores:
    texts, text_known = _text_vectors(turns, inputs.texts)
    counts = np.array([len(one.image_ids) for one in turns])
    of_turn = np.repeat(np.arange(len(turns)), counts)
    flat = [image for one in turns for image in one.image_ids]
    images, image_known = inputs.images.gather(flat)
    if not texts.shape[1] or not images.shape[1]:
        return _nothing(turns, len(bank.images))
    cosines = np.where(image_known, np.einsum("nd,nd->n", texts[of_turn], images), -np.inf)
    scores = cosines - bank.of_image(images)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    own = np.maximum.reduceat(scores, starts)
    first = np.flatnonzero(scores == own[of_turn])[::-1]
    best = np.zeros(len(turns), dtype=np.int64)
    best[of_turn[first]] = first
    with_bank = texts @ bank.images.T if len(bank.images) else np.zeros((len(turns), 0), dtype=np.float32)
    _leave_out_own(with_bank, of_turn, bank.ids, flat)
    normaliser = bank.of_text(with_bank)
    relative = with_bank - bank.image_normaliser
    return Scores(
        turns=turns,
        known=text_known & np.logical_or.reduceat(image_known, starts),
        cosine=np.maximum.reduceat(cosines, starts),
        own=own,
        bank=relative,
        normaliser=normaliser,
        best=[flat[at] for at in best.tolist()],
    )


def _text_vectors(turns: Sequence[ImageTurn], texts: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the vectors of each turn's statement and its parts (n, d), and whether all are known (n)."""
    total, known = texts.gather([text_id(one.statement.text) for one in turns])
    parts = [tuple(one.parts) for one in turns]
    for place in range(max(map(len, parts), default=0)):
        rows = [row for row, split in enumerate(parts) if len(split) > place]
        vectors, there = texts.gather([text_id(parts[row][place]) for row in rows])
        total[rows] += vectors
        known[rows] &= there
    return total / np.array([[1 + len(split)] for split in parts], dtype=np.float32), known


def _leave_out_own(with_bank: np.ndarray, of_turn: np.ndarray, bank: Vectors, images: Sequence[str]) -> None:
    at = bank.positions(images)
    with_bank[of_turn[at >= 0], at[at >= 0]] = -np.inf


def _nothing(turns: Sequence[ImageTurn], bank: int) -> Scores:
    zeros = np.zeros(len(turns), dtype=np.float32)
    return Scores(
        turns=turns,
        known=zeros.astype(bool),
        cosine=zeros,
        own=zeros,
        bank=np.zeros((len(turns), bank), dtype=np.float32),
        normaliser=zeros,
        best=[one.image_ids[0] for one in turns],
    )
