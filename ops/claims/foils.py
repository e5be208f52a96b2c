"""The claims of a batch of examples, each with the rivals that it has in the whole of the batch."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ops.claims.texts import Claim, read_claims
from ops.core.turns import read_turns

_MOST_RIVALS = 8


@dataclass(frozen=True, slots=True)
class MadeClaim:
    """A claim of the batch: its example's row there, its turn, its number in the turn, and the example's pictures."""

    row: int
    turn: int
    number: int
    claim: Claim
    images: tuple[str, ...]


def made_claims(examples: pa.Table) -> Iterator[MadeClaim]:
    """What the examples with pictures claim."""
    shown = [tuple(ids or ()) for ids in examples["image_ids"].to_pylist()]
    for turn in read_turns(examples):
        if shown[turn.row]:
            for number, claim in enumerate(read_claims(turn.query, turn.answer)):
                yield MadeClaim(turn.row, turn.turn, number, claim, shown[turn.row])


def foils_of(made: Sequence[MadeClaim]) -> list[tuple[str, ...]]:
    """The foils of each claim; for an open question, the statements that its other answers make, commonest first."""
    answers: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    written: defaultdict[str, set[str]] = defaultdict(set)
    for one in made:
        if one.claim.question and len(one.images) == 1:
            answers[_question(one)][one.claim.statement] += 1
            if one.claim.kind == "text":
                written[one.images[0]].add(one.claim.statement)
    ordered = {
        question: sorted(counts, key=lambda text, counts=counts: (-counts[text], text))
        for question, counts in answers.items()
    }
    # One picture may bear several texts: none of them is a foil of another.
    most = {one: len(texts) for one, texts in written.items()}
    return [
        _rivals(one, ordered[_question(one)][: _MOST_RIVALS + most.get(one.images[0], 1)], written[one.images[0]])
        if _question(one) in ordered
        else one.claim.foils
        for one in made
    ]


def _question(one: MadeClaim) -> tuple[str, str]:
    return one.claim.kind, one.claim.question


def _rivals(one: MadeClaim, texts: Sequence[str], written: set[str]) -> tuple[str, ...]:
    own = written if one.claim.kind == "text" else {one.claim.statement}
    return tuple(text for text in texts if text not in own)[:_MOST_RIVALS]
