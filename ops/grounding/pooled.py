"""The turns of each example taken together: how well they fit its image, and how well other images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ops.evidence.inputs import RowInputs
from ops.grounding.scores import Scores, ranks, score_turns
from ops.text.closed_answers import closed_answer
from ops.text.image_turns import image_turns
from ops.text.language import NOT_ENGLISH

NO_VECTOR = "no vector for the texts or the image"


@dataclass(frozen=True, slots=True)
class Pooled:
    """An example that shows images: `row` is its place in the table, `turns` how many of its turns are scored, `why` it
    has no figures (empty where it has). own: mean score of its turns with its image (the best of several); normaliser:
    what its texts give to any image; rank of the own image among `compared` others; mean and spread (standard
    deviation) of these others' scores; closed: share of the turns that are answered by yes, no, a number or a word."""

    row: int
    turns: int = 0
    why: str = ""
    own: float = 0.0
    normaliser: float = 0.0
    rank: int = 1
    compared: int = 0
    mean: float = 0.0
    spread: float = 0.0
    closed: float = 0.0

    @property
    def z(self) -> float:
        """Standard deviations of the other images that the own image lies above their mean."""
        return (self.own - self.mean) / max(self.spread, 1e-6)


@dataclass(slots=True)
class _Pool:
    """Sums over an example's informative turns."""

    images: int
    silence: str = "no turn speaks of what an image could show"
    """Why no turn is scored, where that is so."""
    turns: int = 0
    closed: int = 0
    own: float = 0.0
    normaliser: float = 0.0
    bank: np.ndarray | None = None

    def add(self, scores: Scores, at: int) -> None:
        self.turns += 1
        self.closed += closed_answer(scores.turns[at].turn.answer) is not None
        self.own += float(scores.own[at])
        self.normaliser += float(scores.normaliser[at])
        self.bank = scores.bank[at].copy() if self.bank is None else self.bank + scores.bank[at]

    def pooled(self, row: int) -> Pooled:
        if self.bank is None:
            return Pooled(row, why=self.silence)
        bank, own = self.bank / self.turns, self.own / self.turns
        rank, compared = ranks(np.array([own]), bank[None, :], np.array([self.images]))
        others = bank[np.isfinite(bank)]
        middle, spread = (float(others.mean()), float(others.std())) if len(others) else (0.0, 0.0)
        normaliser, closed = self.normaliser / self.turns, self.closed / self.turns
        return Pooled(row, self.turns, "", own, normaliser, int(rank[0]), int(compared[0]), middle, spread, closed)


def pooled_examples(inputs: RowInputs, *, temperature: float) -> Iterator[Pooled]:
    """Each example that shows images, in the order of the table."""
    turns = image_turns(inputs.examples)
    pools = {turn.turn.row: _Pool(len(turn.image_ids)) for turn in turns}
    for turn in turns:
        if not turn.statement.uninformative:
            pools[turn.turn.row].silence = NO_VECTOR
        elif turn.statement.uninformative == NOT_ENGLISH and pools[turn.turn.row].silence != NO_VECTOR:
            pools[turn.turn.row].silence = NOT_ENGLISH
    informative = [turn for turn in turns if not turn.statement.uninformative]
    for scores in score_turns(inputs, informative, temperature=temperature):
        for at in np.flatnonzero(scores.known).tolist():
            pools[scores.turns[at].turn.row].add(scores, at)
    for row, pool in pools.items():
        yield pool.pooled(row)
