"""RLHF-V and RLAIF-V: `question`, `chosen`, `rejected`, and `image` as bytes or a path; or the three texts as JSON in
the string `text`. The image goes before the question."""

from ops.core.json_values import Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.formats.preferences import pair
from ops.intake.row import ImageRef, Row

_USED = ("idx", "id", "question", "chosen", "rejected", "text", "image", "image_path")
_TEXTS = ("question", "chosen", "rejected")


def _recognise(record: Fields) -> bool:
    if all(isinstance(record.get(name), str) for name in _TEXTS):
        return "prompt" not in record
    text = record.get("text")
    return isinstance(text, str) and text.lstrip().startswith("{") and all(f'"{name}"' in text for name in _TEXTS)


def _parse(record: Fields) -> Row:
    body = record if isinstance(record.get("question"), str) else fields.json_object(record.get("text"), "text")
    question, chosen, rejected = (fields.text_field(body, name) for name in _TEXTS)
    images = fields.images(record.get("image")) or fields.images(record.get("images"))
    path = record.get("image_path")
    if not images and isinstance(path, str):
        images = (ImageRef(path),)
    extra = {} if body is record else fields.rest(body, *_TEXTS)
    return pair(
        fields.turns([("user", question)], len(images), implicit=True),
        images,
        (chosen, rejected),
        source_id=fields.id_field(record, "id", "idx"),
        metadata={**fields.rest(record, *_USED, "images"), **extra},
    )


FORMAT = Format(
    name="rlhf_v",
    title="RLHF-V and RLAIF-V",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(("chosen", "text")),
    rank=20,
)
