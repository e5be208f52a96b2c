"""How well the texts of a batch fit their images, and how well the same texts fit the bank's images.

The score of a text beside an image is their cosine less what the image gives to any text, one half of negCLIPLoss's
normaliser (Wang et al., "CLIPLoss and Norm-Based Data Selection Methods for Multimodal Contrastive Learning", 2024):
an image that is near everything gains nothing by it. The other half depends on the text alone: it shifts the margin
and changes no rank.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from ops.audits.contract import RowInputs
from ops.identity import text_id
from ops.statements import Statement, make_statement
from ops.turns import Turn, read_turns
from ops.vectors import Vectors

#: Cosines closer than this are equal: the order in which a product is summed must not decide a rank.
TIE = 1e-5
_CHUNK_TURNS = 4096

_statement = lru_cache(maxsize=65536)(make_statement)


@dataclass(frozen=True, slots=True)
class ImageTurn:
    """A turn of an example that shows images, as the statement that is scored."""

    turn: Turn
    statement: Statement
    image_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a chunk of n turns.

    cosine (n): with the best of the turn's images; own (n): that image's score; bank (n, k): scores of the bank's
    images, minus infinity for the turn's own; normaliser (n): what the text gives to any image; known (n): whether
    text and image have vectors (the other figures mean nothing where not).
    """

    turns: Sequence[ImageTurn]
    known: np.ndarray
    cosine: np.ndarray
    own: np.ndarray
    bank: np.ndarray
    normaliser: np.ndarray


def image_turns(examples: pa.Table) -> list[ImageTurn]:
    """The turns of those examples that show images."""
    shown = [tuple(ids or ()) for ids in examples["image_ids"].to_pylist()]
    return [
        ImageTurn(turn, _statement(turn.query, turn.answer), shown[turn.row])
        for turn in read_turns(examples)
        if shown[turn.row]
    ]


def statement_texts(examples: pa.Table) -> list[str]:
    """The statements that must be embedded."""
    return [one.statement.text for one in image_turns(examples) if not one.statement.uninformative]


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
        """The same for texts, from their cosines (n, k) with the bank's images."""
        return _half_mean(cosines, self.temperature)

    def _half(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        if not len(rows) or not len(others):
            return np.zeros(len(rows), dtype=np.float32)
        return _half_mean(rows @ others.T, self.temperature)


def _half_mean(cosines: np.ndarray, temperature: float) -> np.ndarray:
    if not cosines.shape[1]:
        return np.zeros(len(cosines), dtype=np.float32)
    top = cosines.max(axis=1, keepdims=True)
    mean = np.exp((cosines - top) / temperature).mean(axis=1)
    return (0.5 * (top[:, 0] + temperature * np.log(mean))).astype(np.float32)


def _score(turns: Sequence[ImageTurn], inputs: RowInputs, bank: _Bank) -> Scores:
    texts, text_known = inputs.texts.gather([text_id(one.statement.text) for one in turns])
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
    with_bank = texts @ bank.images.T if len(bank.images) else np.zeros((len(turns), 0), dtype=np.float32)
    normaliser = bank.of_text(with_bank)
    relative = with_bank - bank.image_normaliser
    _leave_out_own(relative, of_turn, bank.ids, flat)
    return Scores(
        turns=turns,
        known=text_known & np.logical_or.reduceat(image_known, starts),
        cosine=np.maximum.reduceat(cosines, starts),
        own=own,
        bank=relative,
        normaliser=normaliser,
    )


def _leave_out_own(relative: np.ndarray, of_turn: np.ndarray, bank: Vectors, images: Sequence[str]) -> None:
    at = bank.positions(images)
    relative[of_turn[at >= 0], at[at >= 0]] = -np.inf


def _nothing(turns: Sequence[ImageTurn], bank: int) -> Scores:
    zeros = np.zeros(len(turns), dtype=np.float32)
    return Scores(turns, zeros.astype(bool), zeros, zeros, np.zeros((len(turns), bank), dtype=np.float32), zeros)
