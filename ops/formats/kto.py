"""One judged response at the end of a conversation: ms-swift's KTO (`messages` and `label`) and LLaMA-Factory's
(`conversations`, `messages` or alpaca's fields, and `kto_tag` or `label`). The last answer is the response; label or
tag says whether it is good (true, 1, good, ...) or bad (false, 0, bad, ...)."""

from collections.abc import Mapping

from ops.core.json_values import Fields
from ops.formats import boxes, dialogues, fields
from ops.formats.contract import Format
from ops.formats.messages import answer_loss, answer_text, built, role_contents
from ops.intake.row import CONTEXT, Judgement, Message, Part, Row, RowError

_TAGS = ("kto_tag", "label")


def _tag(record: Fields) -> str | None:
    return next((name for name in _TAGS if record.get(name) is not None), None)


def _recognise(record: Fields) -> bool:
    tag = _tag(record)
    if tag is None or not fields.is_label(record[tag]) or not dialogues.has_dialogue(record):
        return False
    name = dialogues.listed(record)
    if name is None:
        return tag == "kto_tag" or dialogues.is_alpaca(record)
    last = fields.list_field(record, name)[-1]
    return isinstance(last, Mapping) and last.get("role", last.get("from")) not in ("user", "human", "system")


def _parse(record: Fields) -> Row:
    tag = _tag(record)
    if tag is None:
        raise RowError("field_missing", "label or kto_tag")
    label = fields.label(record[tag], tag)
    read = dialogues.dialogue(record)
    images = dialogues.images(record)
    pairs, row_boxes = boxes.expand(role_contents(read.items), record.get("objects"), images=len(images))
    if not pairs or pairs[-1][0] not in ("assistant", CONTEXT):
        raise RowError("turn_order", f"the row has a {tag} and does not end in an answer")
    prompt = built(pairs[:-1], images, implicit=True)
    response = answer_text(pairs[-1:])
    who = record.get("annotator")
    return Row(
        kind="preference",
        source_id=fields.id_field(record, "id"),
        messages=(*prompt.messages, Message("response", (Part(response),), answer_loss(read.items))),
        images=prompt.images,
        judgements=(Judgement(response, label, annotator=None if who is None else str(who)),),
        metadata=fields.rest(record, *read.used, tag, "annotator"),
        boxes=row_boxes,
    )


FORMAT = Format(
    name="kto",
    title="Good and bad answers of conversations (ms-swift, LLaMA-Factory KTO)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(_TAGS),
    rank=6,
)
