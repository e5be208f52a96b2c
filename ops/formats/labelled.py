"""Responses labelled good or bad, as TRL writes unpaired preferences: `prompt` (or `question`), `completion` (or
`response`, `answer`), `label` (true, false, 1, 0, good, bad, ...), `image` or `images`, perhaps an `annotator`."""

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.formats.messages import conversation
from ops.intake.row import Judgement, Message, Part, Row, RowError

_PROMPTS = ("prompt", "question", "query")
_ANSWERS = ("completion", "response", "answer")
_USED = ("id", *_PROMPTS, *_ANSWERS, "label", "image", "images", "annotator")


def _first(record: Fields, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if record.get(name) is not None), None)


def _recognise(record: Fields) -> bool:
    return (
        record.get("label") is not None
        and _first(record, _PROMPTS) is not None
        and _first(record, _ANSWERS) is not None
    )


def _parse(record: Fields) -> Row:
    images = fields.images(record.get("images")) or fields.images(record.get("image"))
    prompt = _messages(record, _PROMPTS, "user")
    answer = _messages(record, _ANSWERS, "assistant")
    turns = conversation(prompt, images, implicit=True)
    answers = conversation(answer, (), implicit=True).messages
    if len(answers) != 1 or answers[0].role != "assistant":
        raise RowError("field_type", f"the response is {len(answers)} messages, not one answer")
    label = fields.label(record.get("label"))
    who = fields.annotator(record.get("annotator"))
    return Row(
        kind="preference",
        source_id=fields.id_field(record, "id"),
        messages=(*turns.messages, Message("response", (Part(answers[0].text),))),
        images=turns.images,
        judgements=(Judgement(answers[0].text, label, annotator=who),),
        metadata=fields.rest(record, *_USED),
    )


def _messages(record: Fields, names: tuple[str, ...], who: str) -> list[Cell]:
    name = _first(record, names)
    if name is None:
        raise RowError("field_missing", names[0])
    value = record[name]
    return [{"role": who, "content": value}] if isinstance(value, str) else fields.list_field(record, name)


FORMAT = Format(
    name="labelled",
    title="Good and bad responses (TRL unpaired)",
    recognise=_recognise,
    parse=_parse,
    kinds=("preference",),
    judged_by=frozenset(("label",)),
    rank=4,
)
