"""Chat messages as OpenAI, TRL and LLaMA-Factory write them: `messages` of `role` and `content`; the content is a
text, or a list of parts (`text`, `image`, `image_url`). Images stand in the parts, or in `images` (or `image`) with an
`<image>` placeholder or an `image` part for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.formats import fields
from ops.formats.contract import Format, ImageRef, Message, Part, Row, RowError
from ops.identity import canonical_json

_USED = ("id", "messages", "images", "image")
_IMAGE_KEYS = ("image", "image_url", "url", "path")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages and the images that their parts name by number."""

    messages: tuple[Message, ...]
    images: tuple[ImageRef, ...]


def conversation(items: Sequence[Any], images: Sequence[ImageRef], *, implicit: bool = False) -> Conversation:
    """Messages in any of these shapes, and the images of the row. `implicit`: see `fields.turns`."""
    pairs = [_message(item) for item in items]
    if all(isinstance(content, str) for _, content in pairs):
        return Conversation(fields.turns(pairs, len(images), implicit=implicit), tuple(images))
    return _from_parts(pairs, images, implicit=implicit)


def _from_parts(pairs: Sequence[tuple[str, Any]], images: Sequence[ImageRef], *, implicit: bool) -> Conversation:
    inline: list[ImageRef] = []
    empty = 0
    messages: list[Message] = []
    for who, content in pairs:
        parts: list[Part] = []
        for item in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            part = _part(item)
            if isinstance(part, str):
                parts += [Part(part)] if part else []
                continue
            parts.append(Part(image=len(inline) + empty))
            if part is None:
                empty += 1
            else:
                inline.append(part)
        messages.append(Message(who, tuple(parts)))
    if implicit and not inline and not empty:
        return Conversation(fields.first_images(messages, range(len(images))), tuple(images))
    if (inline and empty) or (inline and images) or empty != len(images):
        raise RowError("placeholder_mismatch", f"{len(inline) + empty} image parts, {len(images)} images")
    return Conversation(tuple(messages), tuple(inline) or tuple(images))


def _message(item: Any) -> tuple[str, Any]:
    if not isinstance(item, Mapping):
        raise RowError("field_type", "a message is not an object")
    content = item.get("content", item.get("value"))
    if content is None and item.get("tool_calls"):
        content = canonical_json(item["tool_calls"])
    if not isinstance(content, str | list):
        raise RowError("field_type" if content is not None else "field_missing", "content of a message")
    return fields.role(item.get("role", item.get("from"))), content


def _part(item: Any) -> str | ImageRef | None:
    """A text, an image, or None for an image that is in the row's list of images."""
    if isinstance(item, str):
        return item
    if not isinstance(item, Mapping):
        raise RowError("field_type", "a part is not an object")
    kind = item.get("type")
    if kind in ("text", "input_text", "output_text"):
        return item.get("text") if isinstance(item.get("text"), str) else ""
    if kind in ("image", "image_url", "input_image"):
        value = next((item[key] for key in _IMAGE_KEYS if item.get(key) is not None), None)
        return None if value is None else fields.image(value)
    raise RowError("field_type", f"a part of type {str(kind)[:40]}")


def _recognise(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("messages"), list)


def _parse(record: Mapping[str, Any]) -> Row:
    images = fields.images(record.get("images")) or fields.images(record.get("image"))
    turns = conversation(fields.list_field(record, "messages"), images)
    return Row(
        kind="sft",
        source_id=fields.id_field(record, "id"),
        messages=turns.messages,
        images=turns.images,
        metadata=fields.rest(record, *_USED),
    )


FORMAT = Format(name="messages", title="Chat messages (OpenAI, TRL, LLaMA-Factory)", recognise=_recognise, parse=_parse)
