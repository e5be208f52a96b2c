"""LLaMA-Factory's DPO: `conversations`, `messages` or alpaca's `instruction` and `input` for the prompt, `chosen` and
`rejected` for its two answers, each a turn (`from` and `value`, or `role` and `content`) or a text. Its v1 has instead
`chosen_messages` and `rejected_messages`: two conversations that part at their last answer."""

from collections.abc import Mapping

from ops.core.json_values import Fields
from ops.formats import boxes, dialogues, fields
from ops.formats.contract import Format
from ops.formats.messages import RoleContents, answer_loss, answer_text, built, role_contents
from ops.formats.preferences import pair
from ops.intake.row import CONTEXT, Row, RowError

_V1 = ("chosen_messages", "rejected_messages")
_SIDES = ("chosen", "rejected")


def _recognise(record: Fields) -> bool:
    if all(isinstance(record.get(name), list) and record[name] for name in _V1):
        return True
    if not all(isinstance(record.get(name), str | Mapping) and record[name] for name in _SIDES):
        return False
    if dialogues.listed(record):
        return dialogues.asked(record) is None
    return dialogues.is_alpaca(record)


def _parse(record: Fields) -> Row:
    images = dialogues.images(record)
    if fields.present(record.get(_V1[0])):
        prompt, sides = _parted(record)
        answers = [fields.list_field(record, name) for name in _V1]
        used = ("id", *dialogues.PICTURES, *_V1)
    else:
        read = dialogues.dialogue({name: value for name, value in record.items() if name != "output"})
        prompt, used = role_contents(read.items), (*read.used, *_SIDES)
        answers = [dialogues.as_messages(record, name, "assistant") for name in _SIDES]
        sides = [role_contents(answer) for answer in answers]
    if any(who not in ("assistant", "tool", CONTEXT) for side in sides for who, _ in side):
        raise RowError("turn_order", "chosen or rejected holds a turn that is no answer")
    objects = record.get("objects")
    (filled, chosen_boxes), (worse, rejected_boxes) = (
        boxes.expand([*prompt, *side], objects, images=len(images)) for side in sides
    )
    turns = built(filled[: len(prompt)], images, implicit=True)
    return pair(
        turns.messages,
        turns.images,
        (answer_text(filled[len(prompt) :]), answer_text(worse[len(prompt) :])),
        source_id=fields.id_field(record, "id"),
        annotator=record.get("annotator"),
        metadata=fields.rest(record, *used, "annotator"),
        boxes=boxes.pair_boxes(chosen_boxes, rejected_boxes, len(prompt)),
        losses=(answer_loss(answers[0]), answer_loss(answers[1])),
    )


def _parted(record: Fields) -> tuple[RoleContents, list[RoleContents]]:
    """What the two conversations share, and what each goes on with."""
    chosen, rejected = (role_contents(fields.list_field(record, name)) for name in _V1)
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if not shared:
        raise RowError("pair_differs", "chosen_messages and rejected_messages have no turn in common")
    return chosen[:shared], [chosen[shared:], rejected[shared:]]


FORMAT = Format(
    name="turn_pairs",
    title="Pairs of turns (LLaMA-Factory DPO)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(("chosen", "chosen_messages")),
    rank=15,
)
