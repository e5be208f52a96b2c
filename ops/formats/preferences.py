"""Preference pairs as TRL writes them: `prompt`, `chosen` and `rejected`, each a text or a list of messages, and
`images` (or `image`). Without a `prompt`, or where it only says again what they ask, the part that chosen and rejected
have in common is the prompt. Placeholders are optional: images without any go before the first question."""

from collections.abc import Mapping, Sequence

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.formats.messages import answer_loss, conversation
from ops.intake.row import ImageRef, Judgement, Message, Part, Row, RowBox, RowError

_USED = ("id", "prompt", "question", "chosen", "rejected", "images", "image", "annotator")


def _recognise(record: Fields) -> bool:
    sides = [fields.present(record[name]) for name in ("chosen", "rejected") if name in record]
    return len(sides) == 2 and any(sides)


def _parse(record: Fields) -> Row:
    images = fields.images(record.get("images")) or fields.images(record.get("image"))
    chosen, rejected = (_as_messages(record, name, "assistant") for name in ("chosen", "rejected"))
    if _repeats_prompt(record, chosen, rejected):
        prompt, chosen, rejected = _common(chosen, rejected)
    elif record.get("prompt", record.get("question")) is not None:
        prompt = _as_messages(record, "prompt" if record.get("prompt") is not None else "question", "user")
    else:
        prompt, chosen, rejected = _common(chosen, rejected)
    if not prompt:
        raise RowError("field_missing", "prompt")
    turns = conversation(prompt, images, implicit=True)
    good, bad = _answer(chosen, "chosen"), _answer(rejected, "rejected")
    return pair(
        turns.messages,
        turns.images,
        (good, bad),
        source_id=fields.id_field(record, "id", "idx"),
        annotator=record.get("annotator"),
        metadata=fields.rest(record, *_USED),
        losses=(answer_loss(chosen), answer_loss(rejected)),
    )


def pair(
    prompt: Sequence[Message],
    images: Sequence[ImageRef],
    answers: tuple[str, str],
    *,
    source_id: str | None,
    annotator: Cell = None,
    metadata: Fields,
    boxes: tuple[RowBox, ...] = (),
    losses: tuple[float | None, float | None] = (None, None),
) -> Row:
    """A preference row of one chosen and one rejected response, and their own weights in the loss."""
    good, bad = answers
    who = fields.annotator(annotator)
    return Row(
        kind="preference",
        source_id=source_id,
        messages=(
            *prompt,
            Message("chosen", (Part(good),), losses[0]),
            Message("rejected", (Part(bad),), losses[1]),
        ),
        images=tuple(images),
        judgements=(
            Judgement(good, "chosen", opponent=bad, annotator=who),
            Judgement(bad, "rejected", opponent=good, annotator=who),
        ),
        metadata=metadata,
        boxes=boxes,
    )


def _as_messages(record: Fields, name: str, who: str) -> list[Cell]:
    value = record.get(name)
    if isinstance(value, str):
        return [{"role": who, "content": value}]
    return fields.list_field(record, name)


def _common(chosen: list[Cell], rejected: list[Cell]) -> tuple[list[Cell], list[Cell], list[Cell]]:
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    return chosen[:shared], chosen[shared:], rejected[shared:]


def _repeats_prompt(record: Fields, chosen: list[Cell], rejected: list[Cell]) -> bool:
    """Whether both sides are whole conversations beside a prompt that only says again what they ask."""
    if not isinstance(record.get("prompt"), str) or min(len(chosen), len(rejected)) < 2:
        return False
    asked = [item.get("content") for item in _common(chosen, rejected)[0] if isinstance(item, Mapping)]
    return record["prompt"] in asked


def _answer(messages: list[Cell], name: str) -> str:
    answers = [m for m in conversation(messages, (), implicit=True).messages if m.role == "assistant"]
    if len(answers) != 1 or len(messages) != 1:
        raise RowError("field_type", f"{name} is not one answer but {len(messages)} messages")
    return answers[0].text


FORMAT = Format(
    name="preferences",
    title="Preference pairs (TRL)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(("chosen",)),
    rank=10,
)
