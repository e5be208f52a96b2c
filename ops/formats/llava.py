"""LLaVA: `id`, `image` (a path, a list of paths, or none), `conversations` of `from` (human, gpt, system) and `value`.
Each image has an `<image>` placeholder in a human turn. ShareGPT rows are the same without images, or with `images`."""

from collections.abc import Mapping
from typing import Any

from ops.formats import fields
from ops.formats.contract import Format, Row, RowError

_USED = ("id", "image", "images", "conversations", "system")


def _recognise(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("conversations"), list)


def _parse(record: Mapping[str, Any]) -> Row:
    messages = [_turn(turn) for turn in fields.list_field(record, "conversations")]
    if isinstance(record.get("system"), str) and record["system"]:
        messages.insert(0, ("system", record["system"]))
    images = fields.images(record.get("image")) or fields.images(record.get("images"))
    return Row(
        kind="sft",
        source_id=fields.id_field(record, "id"),
        messages=fields.turns(messages, len(images)),
        images=images,
        metadata=fields.rest(record, *_USED),
    )


def _turn(turn: Any) -> tuple[str, str]:
    if not isinstance(turn, Mapping):
        raise RowError("field_type", "a turn is not an object")
    who = turn.get("from", turn.get("role"))
    return fields.role(who), fields.text_field(turn, "value" if "value" in turn else "content")


FORMAT = Format(name="llava", title="LLaVA and ShareGPT conversations", recognise=_recognise, parse=_parse)
