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
    image_ids = [tuple(ids or ()) for ids in examples["image_ids"].to_pylist()]
    for turn in read_turns(examples):
        if image_ids[turn.row]:
            for number, claim in enumerate(read_claims(turn.query, turn.answer)):
                yield MadeClaim(turn.row, turn.turn, number, claim, image_ids[turn.row])


def foils_of(made: Sequence[MadeClaim]) -> list[tuple[str, ...]]:
    """The foils of each claim; for an open question, the statements that its other answers make, commonest first."""
    answers: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    written: defaultdict[str, set[str]] = defaultdict(set)
    for member in made:
        if member.claim.question and len(member.images) == 1:
            answers[_question(member)][member.claim.statement] += 1
            if member.claim.kind == "text":
                written[member.images[0]].add(member.claim.statement)
    ordered = {
        question: sorted(counts, key=lambda text, counts=counts: (-counts[text], text))
        for question, counts in answers.items()
    }
    # One picture may bear several texts: none of them is a foil of another.
    most = {member: len(texts) for member, texts in written.items()}
    return [
        _rivals(
            member,
            ordered[_question(member)][: _MOST_RIVALS + most.get(member.images[0], 1)],
            written[member.images[0]],
        )
        if _question(member) in ordered
        else member.claim.foils
        for member in made
    ]


def _question(made: MadeClaim) -> tuple[str, str]:
    return made.claim.kind, made.claim.question


def _rivals(made: MadeClaim, texts: Sequence[str], written: set[str]) -> tuple[str, ...]:
    own = written if made.claim.kind == "text" else {made.claim.statement}
    return tuple(text for text in texts if text not in own)[:_MOST_RIVALS]
