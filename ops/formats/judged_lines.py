"""Judged responses as Assay's own export `jsonl` writes them: `messages` that end in the question, and `responses`,
each a `text` with its `role` (chosen, rejected or response) and perhaps a `label` (good or bad) and a `rating` with its
`rating_scale`, the best rating possible. Each chosen response was preferred to each rejected one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ops.core.json_values import Cell, Fields
from ops.core.turns import CANDIDATE_ROLES
from ops.formats import fields
from ops.formats.contract import Format
from ops.formats.messages import conversation
from ops.intake.row import Judgement, Message, Part, Row, RowError

_USED = ("id", "messages", "images", "image", "responses")


@dataclass(frozen=True, slots=True)
class _Response:
    text: str
    role: str
    label: str | None
    rating: float | None
    rating_scale: float | None


def _recognise(record: Fields) -> bool:
    responses = record.get("responses")
    return (
        isinstance(record.get("messages"), list)
        and isinstance(responses, list)
        and any(isinstance(response, Mapping) and response.get("role") in CANDIDATE_ROLES for response in responses)
    )


def _parse(record: Fields) -> Row:
    images = fields.images(record.get("images")) or fields.images(record.get("image"))
    turns = conversation(fields.list_field(record, "messages"), images)
    responses = [_response(item) for item in fields.list_field(record, "responses")]
    return Row(
        kind="preference",
        source_id=fields.id_field(record, "id"),
        messages=(*turns.messages, *(Message(response.role, (Part(response.text),)) for response in responses)),
        images=turns.images,
        judgements=tuple(_judgements(responses)),
        metadata=fields.rest(record, *_USED),
    )


def _response(item: Cell) -> _Response:
    if not isinstance(item, Mapping):
        raise RowError("field_type", "a response is no object")
    role = item.get("role")
    if not isinstance(role, str) or role not in CANDIDATE_ROLES:
        raise RowError("unknown_role", f"{str(role)[:80]} of a response: it is {', '.join(CANDIDATE_ROLES)}")
    label, rating, scale = (item.get(name) for name in ("label", "rating", "rating_scale"))
    return _Response(
        fields.text_field(item, "text"),
        role,
        None if label is None else fields.label(label),
        None if rating is None else fields.number(rating),
        None if scale is None else fields.number(scale),
    )


def _judgements(responses: Sequence[_Response]) -> Iterator[Judgement]:
    """What is said of each response by itself, and of each pair."""
    for response in responses:
        if response.role == "response" or response.label is not None or response.rating is not None:
            yield Judgement(response.text, response.label, rating=response.rating, rating_scale=response.rating_scale)
    chosen, rejected = ([each.text for each in responses if each.role == role] for role in ("chosen", "rejected"))
    if bool(chosen) != bool(rejected):
        raise RowError("no_candidates", "a response is chosen or rejected, and none the other")
    for good in chosen:
        for bad in rejected:
            yield Judgement(good, "chosen", opponent=bad)
            yield Judgement(bad, "rejected", opponent=good)


FORMAT = Format(
    name="judged_lines",
    title="Judged responses (Assay's `jsonl`)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(("responses",)),
    rank=8,
)
