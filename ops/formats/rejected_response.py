"""ms-swift's DPO: `messages` (or `query` and `response`) whose answer is chosen, and what is rejected: a
`rejected_response` (a text, or messages), which takes the place of all that follows the last question, or whole
`rejected_messages`. `rejected_images` and `rejected_objects` belong to the rejected side; where they are not given, the
chosen side's count for both. A pair whose sides show different images is refused by name. `margin` is kept as
metadata."""

from ops.core.json_values import Cell, Fields
from ops.formats import boxes, dialogues, fields
from ops.formats.contract import Format
from ops.formats.messages import RoleContents, answer_loss, answer_text, built, role_contents
from ops.formats.preferences import pair
from ops.intake.row import ImageRef, Row, RowError

_REJECTED = ("rejected_response", "rejected_messages", "rejected_images", "rejected_objects")
_WAY_OUT = "deliver each side as a judged row of its own, messages and images with label true or false"


def _recognise(record: Fields) -> bool:
    return any(fields.present(record.get(name)) for name in _REJECTED[:3]) and dialogues.has_dialogue(record)


def _parse(record: Fields) -> Row:
    read = dialogues.dialogue(record)
    images = dialogues.images(record)
    _check_images(images, record.get("rejected_images"))
    prompt, chosen = _split(role_contents(read.items), "messages")
    rejected, rejected_loss = _rejected(record, prompt)
    objects = record.get("objects")
    both, chosen_boxes = boxes.expand([*prompt, *chosen], objects, images=len(images))
    other = record.get("rejected_objects") if fields.present(record.get("rejected_objects")) else objects
    worse, rejected_boxes = boxes.expand([*prompt, *rejected], other, images=len(images))
    at = len(prompt)
    turns = built(both[:at], images, implicit=True)
    return pair(
        turns.messages,
        turns.images,
        (answer_text(both[at:]), answer_text(worse[at:])),
        source_id=fields.id_field(record, "id"),
        annotator=record.get("annotator"),
        metadata=fields.rest(record, *read.used, *_REJECTED, "annotator"),
        boxes=boxes.pair_boxes(chosen_boxes, rejected_boxes, at),
        losses=(answer_loss(read.items), rejected_loss),
    )


def _check_images(images: tuple[ImageRef, ...], rejected: Cell) -> None:
    if fields.present(rejected) and fields.images(rejected) != images:
        raise RowError("pair_differs", f"rejected_images are not the row's images: {_WAY_OUT}")


def _split(pairs: RoleContents, name: str) -> tuple[RoleContents, RoleContents]:
    """What comes up to the last question, and what follows it."""
    asked = [number for number, (who, _) in enumerate(pairs) if who == "user"]
    if not asked or asked[-1] == len(pairs) - 1:
        raise RowError("turn_order", f"{name} {'ends in' if asked else 'has no'} a turn of user")
    return pairs[: asked[-1] + 1], pairs[asked[-1] + 1 :]


def _rejected(record: Fields, prompt: RoleContents) -> tuple[RoleContents, float | None]:
    """The rejected side behind the prompt, and its weight in the loss."""
    if fields.present(record.get("rejected_messages")):
        items = fields.list_field(record, "rejected_messages")
        asked, rejected = _split(role_contents(items), "rejected_messages")
        if [one for one in asked if one[0] != "system"] != [one for one in prompt if one[0] != "system"]:
            raise RowError("pair_differs", f"rejected_messages ask what messages do not: {_WAY_OUT}")
        return rejected, answer_loss(items)
    if not fields.present(record.get("rejected_response")):
        raise RowError("field_missing", "rejected_response")
    items = dialogues.as_messages(record, "rejected_response", "assistant")
    rejected = role_contents(items)
    if any(who in ("user", "system") for who, _ in rejected):
        raise RowError("field_type", "rejected_response holds a turn of user or system")
    return rejected, answer_loss(items)


FORMAT = Format(
    name="rejected_response",
    title="Conversations with a rejected response (ms-swift DPO)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(_REJECTED),
    rank=12,
)
