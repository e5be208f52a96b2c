"""LLaVA: `id`, `image` (a path, a list of paths, or none), `conversations` of `from` (human, gpt, system) and `value`.
Each image has an `<image>` placeholder in a human turn. ShareGPT rows are the same without images, or with `images`.
`loss` and its like beside a turn, and `objects`, are read as in `messages`. ms-swift's ShareGPT has a `conversation` of
rounds, each with `human` (or `user`) and `assistant`."""

from collections.abc import Mapping

from ops.core.json_values import Cell, Fields, fields_of
from ops.formats import boxes, dialogues, fields, losses
from ops.formats.contract import Format
from ops.intake.row import Row, RowError

_USED = ("id", "image", "images", "conversations", "conversation", "system")


def _recognise(record: Fields) -> bool:
    return isinstance(record.get("conversations"), list) or isinstance(record.get("conversation"), list)


def _parse(record: Fields) -> Row:
    name = "conversations" if record.get("conversations") is not None else "conversation"
    items: list[Cell] = dialogues.rounds_as_turns(fields.list_field(record, name))
    turns = [_turn(item) for item in items]
    weights = [losses.own_loss(who, fields_of(item)) for (who, _), item in zip(turns, items, strict=True)]
    system = record.get("system")
    if isinstance(system, str) and system:
        turns.insert(0, ("system", system))
        weights.insert(0, None)
    images = fields.images(record.get("image")) or fields.images(record.get("images"))
    filled, row_boxes = boxes.expand(turns, record.get("objects"), images=len(images))
    messages = fields.turns([(who, str(text)) for who, text in filled], len(images))
    used = (*_USED, *(("objects",) if boxes.readable(record.get("objects")) else ()))
    return Row(
        kind="sft",
        source_id=fields.id_field(record, "id"),
        messages=losses.weighed(messages, weights),
        images=images,
        metadata=fields.rest(record, *used),
        boxes=row_boxes,
    )


def _turn(turn: Cell) -> tuple[str, str]:
    if not isinstance(turn, Mapping):
        raise RowError("field_type", "a turn is not an object")
    who = fields.role(turn.get("from", turn.get("role")))
    return losses.loss_role(who, turn), fields.text_field(turn, "value" if "value" in turn else "content")


FORMAT = Format(
    name="llava",
    title="LLaVA and ShareGPT conversations",
    recognise=_recognise,
    parse=_parse,
    kinds=("sft",),
    judged_by=frozenset(),
)
