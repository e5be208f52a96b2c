"""Chat messages as OpenAI, TRL, ms-swift and LLaMA-Factory write them: `messages` of `role` and `content`; the content
is a text, or a list of parts (`text`, `image`, `image_url`; LLaMA-Factory v1 keeps what a part holds under `value`, and
has the parts `reasoning` and `tool_call`). Images stand in the parts, or in `images` (or `image`) with an `<image>`
placeholder or an `image` part for each. A turn that `loss`, `loss_weight`, `loss_scale`, `weight` or `train` says is
not learned is no target. `objects` (`ref`, `bbox`, `bbox_type`, `image_id`) fill `<ref-object>` and `<bbox>`. `system`
may stand beside the messages; `tools` and `channel` are kept as metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ops.core.identity import canonical_json
from ops.core.json_values import Cell, Fields, fields_of, items_of
from ops.formats import boxes, fields, losses
from ops.formats.contract import Format
from ops.intake.row import CONTEXT, ImageRef, Message, Part, Row, RowBox, RowError

_USED = ("id", "messages", "images", "image")
_IMAGE_KEYS = ("image", "image_url", "url", "path", "value")
_TEXTS = ("text", "input_text", "output_text", "tool_call")
_OTHER_MEDIA = ("video", "audio", "video_url", "audio_url", "input_audio", "input_video")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages and the images that their parts name by number; the boxes that `objects` gave them."""

    messages: tuple[Message, ...]
    images: tuple[ImageRef, ...]
    boxes: tuple[RowBox, ...] = ()


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A message's role, its content (a text or a list of parts), and its own weight in the loss."""

    role: str
    content: Cell
    loss: float | None
    is_piece: bool
    """Whether ms-swift's fields stand beside it, which goes on with the answer before it where that one left off."""


def conversation(
    items: Sequence[Cell], images: Sequence[ImageRef], *, implicit: bool = False, objects: Cell = None
) -> Conversation:
    """Messages in any of these shapes, and the images of the row. `implicit`: see `fields.turns`."""
    spoken = _spoken(items)
    made = built([(turn.role, turn.content) for turn in spoken], images, implicit=implicit, objects=objects)
    return replace(made, messages=losses.weighed(made.messages, [turn.loss for turn in spoken]))


RoleContents = Sequence[tuple[str, Cell]]
"""Roles and contents of messages, one after the other."""


def role_contents(items: Sequence[Cell]) -> RoleContents:
    """The role and the content, a text or a list of parts, of each message, neighbours joined as `conversation` has
    them."""
    return [(turn.role, turn.content) for turn in _spoken(items)]


def answer_loss(items: Sequence[Cell]) -> float | None:
    """The weight in the loss of the answer that messages end in, where it has one of its own."""
    spoken = _spoken(items)
    return spoken[-1].loss if spoken else None


def _spoken(items: Sequence[Cell]) -> list[_Spoken]:
    """The messages. Where the row says which of them carry loss, or calls tools in messages of their own, neighbours of
    the assistant are one turn, as trainers join them, unless they are learned with different weights."""
    turns = [_message(item) for item in items]
    if not any(_splits_turns(item) for item in items):
        return turns
    joined: list[_Spoken] = []
    for turn in turns:
        before = joined[-1] if joined else None
        joins = before and (before.role, before.loss) == (turn.role, turn.loss)
        if before is None or not joins or turn.role not in ("assistant", "tool", CONTEXT):
            joined.append(turn)
            continue
        gap = "" if before.is_piece and turn.is_piece else "\n"
        if isinstance(before.content, str) and isinstance(turn.content, str):
            content: Cell = f"{before.content}{gap}{turn.content}"
        else:
            content = [*_parts(before.content), *(_parts(gap) if gap else ()), *_parts(turn.content)]
        joined[-1] = replace(turn, content=content)
    return joined


def built(
    pairs: Sequence[tuple[str, Cell]], images: Sequence[ImageRef], *, implicit: bool = False, objects: Cell = None
) -> Conversation:
    """What `role_contents` gave, with its placeholders filled."""
    filled, row_boxes = boxes.expand(pairs, objects, images=len(images))
    texts = [(who, content) for who, content in filled if isinstance(content, str)]
    if len(texts) == len(filled):
        made = Conversation(fields.turns(texts, len(images), implicit=implicit), tuple(images))
    else:
        made = _from_parts(filled, images, implicit=implicit)
    return replace(made, boxes=row_boxes)


def _parts(content: Cell) -> list[Cell]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(items_of(content))


def answer_text(pairs: Sequence[tuple[str, Cell]]) -> str:
    """The text of an answer; where it is of several messages, as with calls of tools, each on lines of its own."""
    return "\n".join(message.text for pair in pairs for message in built([pair], (), implicit=True).messages)


def _from_parts(pairs: Sequence[tuple[str, Cell]], images: Sequence[ImageRef], *, implicit: bool) -> Conversation:
    inline: list[ImageRef] = []
    empty = 0
    messages: list[Message] = []
    for who, content in pairs:
        parts: list[Part] = []
        for item in _parts(content):
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


def _message(item: Cell) -> _Spoken:
    if not isinstance(item, Mapping):
        raise RowError("field_type", "a message is not an object")
    content = item.get("content", item.get("value"))
    if content is None and item.get("tool_calls"):
        content = canonical_json(item["tool_calls"])
    if not isinstance(content, str | list):
        raise RowError("field_type" if content is not None else "field_missing", "content of a message")
    role = losses.loss_role(fields.role(item.get("role", item.get("from"))), item)
    is_piece = item.get("loss") is not None or item.get("loss_scale") is not None
    return _Spoken(role, content, losses.own_loss(role, item), is_piece)


def _splits_turns(item: Cell) -> bool:
    message = fields_of(item)
    who = message.get("role", message.get("from"))
    return who in ("tool_call", "tool-call") or any(message.get(name) is not None for name in losses.WEIGHTS)


def _part(item: Cell) -> str | ImageRef | None:
    """A text, an image, or None for an image that is in the row's list of images."""
    if isinstance(item, str):
        return item
    if not isinstance(item, Mapping):
        raise RowError("field_type", "a part is not an object")
    kind = item.get("type")
    if kind in _TEXTS:
        text = item.get("text") if item.get("text") is not None else item.get("value")
        return text if isinstance(text, str) else ""
    if kind == "reasoning":
        return f"<think>\n{fields.text_field(item, 'value')}\n</think>\n\n"
    if kind in ("image", "image_url", "input_image"):
        value = next((item[key] for key in _IMAGE_KEYS if item.get(key) is not None), None)
        return None if value is None else fields.image(value)
    if kind in _OTHER_MEDIA:
        raise RowError("modality_unsupported", f"a part of type {kind}")
    raise RowError("field_type", f"a part of type {str(kind)[:40]}")


def _recognise(record: Fields) -> bool:
    return isinstance(record.get("messages"), list)


def _parse(record: Fields) -> Row:
    images = fields.images(record.get("images")) or fields.images(record.get("image"))
    items = with_system(fields.list_field(record, "messages"), record.get("system"))
    turns = conversation(items, images, objects=record.get("objects"))
    return Row(
        kind="sft",
        source_id=fields.id_field(record, "id"),
        messages=turns.messages,
        images=turns.images,
        metadata=fields.rest(record, *_USED, *beside_names(record)),
        boxes=turns.boxes,
    )


def with_system(items: list[Cell], system: Cell) -> list[Cell]:
    """The messages after the system prompt that stands beside them, where they have none of their own."""
    first = fields_of(items[0] if items else None)
    own = str(first.get("role", first.get("from"))).strip().lower() in ("system", "developer")
    return [{"role": "system", "content": system}, *items] if isinstance(system, str) and system and not own else items


def beside_names(record: Fields) -> list[str]:
    """The fields beside the messages that are read where they hold what they should."""
    held = {"system": isinstance(record.get("system"), str), "objects": boxes.readable(record.get("objects"))}
    return [name for name, is_read in held.items() if is_read]


FORMAT = Format(
    name="messages",
    title="Chat messages (OpenAI, TRL, ms-swift, LLaMA-Factory)",
    recognise=_recognise,
    parse=_parse,
    kinds=("sft",),
    judged_by=frozenset(),
)
