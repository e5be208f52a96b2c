"""The claims of a batch of examples, each with the rivals that it has in the delivery."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ops.claims.texts import Claim, read_claims
from ops.core.turns import read_turns

_MOST_RIVALS = 8

#: The kind of the claims that answer it, and its words.
Question = tuple[str, str]


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


@dataclass(frozen=True, slots=True)
class Answers:
    """What open questions about one picture are answered: how often each statement is made, by the kind of claim and
    the question, and the statements of what is written in a picture, by picture."""

    statements: Mapping[Question, Counter[str]]
    written: Mapping[str, set[str]]


@dataclass(frozen=True, slots=True)
class Rivals:
    """The statements that an open question's answers make, commonest first, of questions with several, as many as are
    asked for; and those of what is written in a picture, of pictures with several."""

    ordered: Mapping[Question, Sequence[str]]
    written: Mapping[str, set[str]]


def answers_of(made: Sequence[MadeClaim]) -> Answers:
    """Those that the claims are."""
    statements: defaultdict[Question, Counter[str]] = defaultdict(Counter)
    written: defaultdict[str, set[str]] = defaultdict(set)
    for member in made:
        if member.claim.question and len(member.images) == 1:
            statements[member.claim.kind, member.claim.question][member.claim.statement] += 1
            if member.claim.kind == "text":
                written[member.images[0]].add(member.claim.statement)
    return Answers(statements, written)


def merged_answers(parts: Iterable[Answers]) -> Answers:
    """Those of all parts together."""
    statements: defaultdict[Question, Counter[str]] = defaultdict(Counter)
    written: defaultdict[str, set[str]] = defaultdict(set)
    for part in parts:
        for question, counts in part.statements.items():
            statements[question].update(counts)
        for image, texts in part.written.items():
            written[image] |= texts
    return Answers(statements, written)


def rivals_of(answers: Answers) -> Rivals:
    """What the answers are to each other."""
    # One picture may bear several texts: none of them is a foil of another.
    written = {image: texts for image, texts in answers.written.items() if len(texts) > 1}
    most = _MOST_RIVALS + max(map(len, written.values()), default=1)
    ordered = {
        question: heapq.nsmallest(most, counts, key=lambda text, counts=counts: (-counts[text], text))
        for question, counts in answers.statements.items()
        if len(counts) > 1
    }
    return Rivals(ordered, written)


def foils_of(made: Sequence[MadeClaim], rivals: Rivals) -> list[tuple[str, ...]]:
    """The foils of each claim; for an open question, the statements that its other answers make, commonest first."""
    return [
        _answered_otherwise(member, rivals) if member.claim.question and len(member.images) == 1 else member.claim.foils
        for member in made
    ]


def _answered_otherwise(member: MadeClaim, rivals: Rivals) -> tuple[str, ...]:
    claim = member.claim
    written = rivals.written.get(member.images[0], set[str]()) if claim.kind == "text" else set[str]()
    own = {claim.statement, *written}
    texts = rivals.ordered.get((claim.kind, claim.question), ())
    return tuple(text for text in texts if text not in own)[:_MOST_RIVALS]
