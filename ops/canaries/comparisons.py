"""Canaries of audits that compare the whole corpus: copies of a delivery's rows, and rows that contradict them. They
come as a drop that comes last, so that beside their rows they are what is redundant or in doubt."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa

from ops.canaries.copies import (
    COPIED,
    REENCODED,
    RETOLD,
    REWORDED,
    copied,
    is_embedded,
    retold_copy,
    reworded_copy,
    stored_anew,
)
from ops.canaries.pairs import (
    EXCHANGED,
    EXCHANGED_IMAGE,
    EXCHANGED_QUERY,
    NEAR_REJECTED,
    REJECTED,
    asked_otherwise,
    exchanged,
    exchanged_near_image,
    exchanged_near_query,
    near_rejected,
    rejected_answer,
)
from ops.canaries.prompts import OTHER_TRUTH, TAUGHT, other_truth, taught_question
from ops.canaries.rows import MARK, Canary, Row, answered, marked
from ops.canaries.texts import false_answer
from ops.core.arrow import is_in, rows_where
from ops.core.identity import digest
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.intake.rows import IngestSettings
from ops.text.closed_answers import ClosedAnswer, answer_to
from ops.text.likeness import compared_texts

ANSWERED = "other_answer"
KINDS: Mapping[str, str] = {
    **dict.fromkeys((COPIED, REWORDED, RETOLD, REENCODED, ANSWERED, REJECTED, NEAR_REJECTED), "sft"),
    **dict.fromkeys((EXCHANGED, EXCHANGED_IMAGE, EXCHANGED_QUERY), "preference"),
    **dict.fromkeys((OTHER_TRUTH, TAUGHT), "prompt"),
}
"""The kind of example that canaries with each fault are."""
_MADE_OF = {**KINDS, REJECTED: "preference", NEAR_REJECTED: "preference", TAUGHT: "sft"}
_SHOWN_ANEW = (REENCODED, EXCHANGED_IMAGE)


@dataclass(frozen=True, slots=True)
class Sources:
    """What canaries are made of: rows of a delivery (schemas.EXAMPLES) with their judgements and what is known of their
    prompts, the bytes of pictures by id (`pictures_of`), and the ids of texts that are embedded (`texts_of`)."""

    examples: pa.Table
    preferences: pa.Table
    prompts: pa.Table
    pictures: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    embedded: Container[str] = ()


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Canaries (schemas.EXAMPLES), their judgements (schemas.PREFERENCES), what is known of their prompts
    (schemas.PROMPTS), the facts of pictures that they alone show (schemas.IMAGES without their bytes), and the fault of
    each by its id."""

    examples: pa.Table
    preferences: pa.Table
    prompts: pa.Table
    images: pa.Table
    faults: Mapping[str, str]

    def of(self, faults: Sequence[str]) -> "Comparisons":
        """Those with one of these faults."""
        wanted = {name: fault for name, fault in self.faults.items() if fault in faults}
        ids = pa.array(wanted, pa.string())
        tables = (self.examples, self.preferences, self.prompts)
        examples, judged, prompts = (rows_where(t, is_in(t["example_id"], ids)) for t in tables)
        return Comparisons(examples, judged, prompts, self.images, wanted)


def canary_delivery(delivery: str) -> str:
    """The delivery that canaries made of this one's rows come in."""
    return f"{MARK}{delivery}"


def comparisons(sources: Sources, settings: IngestSettings, *, each: int) -> Comparisons:
    """Canaries of each kind made of these rows: `each`, or as many as can be made. The same rows give the same
    canaries, whatever their order."""
    rows: list[Row] = sources.examples.to_pylist()
    makers = _makers(sources, settings).items()
    made = [(canary, fault) for fault, make in makers for canary in islice(_made(rows, fault, make), each)]
    for canary, _ in made:
        delivery = canary_delivery(canary.row["delivery"])
        for row in (canary.row, *canary.judgements, *([canary.prompt] if canary.prompt else ())):
            row["delivery"] = delivery
    return Comparisons(
        pa.Table.from_pylist([canary.row for canary, _ in made], schema=EXAMPLES.schema),
        pa.Table.from_pylist([row for canary, _ in made for row in canary.judgements], schema=PREFERENCES.schema),
        pa.Table.from_pylist([canary.prompt for canary, _ in made if canary.prompt], schema=PROMPTS.schema),
        pa.Table.from_pylist([canary.picture for canary, _ in made if canary.picture], schema=IMAGES.schema),
        {canary.row["example_id"]: fault for canary, fault in made},
    )


def pictures_of(examples: pa.Table, *, each: int) -> list[str]:
    """The images whose bytes `comparisons` of these rows wants."""
    rows: list[Row] = examples.to_pylist()
    able = [row for fault in _SHOWN_ANEW for row in islice(_in_order(rows, fault), each)]
    return sorted({shown for row in able for shown in row["image_ids"] or ()})


def texts_of(examples: pa.Table, *, each: int) -> list[str]:
    """The texts that must be embedded for audits to compare canaries made of these rows by vectors."""
    rows: list[Row] = examples.to_pylist()
    copies = islice(_made(rows, RETOLD, retold_copy), each)
    asked = [asked_otherwise(row) for row in islice(_in_order(rows, EXCHANGED_QUERY), each)]
    texts = [text for canary in copies for text in compared_texts(canary.row["messages"])]
    return sorted({*texts, *(one[2] for one in asked if one)})


def _makers(sources: Sources, settings: IngestSettings) -> Mapping[str, Callable[[Row], Canary | None]]:
    """By fault, what makes a canary of a row that may have it."""
    pictures, prompts = sources.pictures, {row["example_id"]: row for row in sources.prompts.to_pylist()}
    judged: dict[str, list[Row]] = {}
    for judgement in sorted(sources.preferences.to_pylist(), key=lambda row: row["judgement_id"]):
        judged.setdefault(judgement["example_id"], []).append(judgement)

    def judgements(row: Row) -> Sequence[Row]:
        return judged.get(row["example_id"], ())

    def retold(row: Row) -> Canary | None:
        canary = retold_copy(row)
        return canary if is_embedded(canary, sources.embedded) else None

    return {
        COPIED: copied,
        REWORDED: reworded_copy,
        RETOLD: retold,
        REENCODED: lambda row: stored_anew(row, REENCODED, pictures, settings),
        ANSWERED: _answered_otherwise,
        REJECTED: rejected_answer,
        NEAR_REJECTED: near_rejected,
        EXCHANGED: lambda row: exchanged(row, judgements(row)),
        EXCHANGED_IMAGE: lambda row: exchanged_near_image(row, judgements(row), pictures, settings),
        EXCHANGED_QUERY: lambda row: exchanged_near_query(row, judgements(row)),
        OTHER_TRUTH: lambda row: other_truth(row, prompts.get(row["example_id"])),
        TAUGHT: taught_question,
    }


def _made(rows: Sequence[Row], fault: str, make: Callable[[Row], Canary | None]) -> Iterator[Canary]:
    return (canary for row in _in_order(rows, fault) if (canary := make(row)) is not None)


def _in_order(rows: Sequence[Row], fault: str) -> Iterator[Row]:
    """Rows that a canary with the fault may be made of, in an order of its own."""
    kind, needs_one = _MADE_OF[fault], fault in _SHOWN_ANEW
    able = [row for row in rows if row["kind"] == kind and (not needs_one or len(row["image_ids"] or ()) == 1)]
    return iter(sorted(able, key=lambda row: digest(f"{fault} {row['example_id']}")))


def _answered_otherwise(row: Row) -> Canary | None:
    """A closed answer says another number, another colour, or the opposite."""
    for fault in ("false_yes_no", "false_number", "false_colour"):
        false = false_answer(row, fault, {})
        if false is not None and any(map(_contradict, _closed(row), _closed(false))):
            return Canary(marked(row, ANSWERED) | {"messages": false["messages"]})
    return None


def _closed(row: Row) -> list[ClosedAnswer | None]:
    return [answer_to(query, answer) for _, query, answer in answered(row)]


def _contradict(answer: ClosedAnswer | None, other: ClosedAnswer | None) -> bool:
    return answer is not None and other is not None and answer.kind == other.kind and answer.value != other.value
