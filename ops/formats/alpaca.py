"""Alpaca, as LLaMA-Factory and ms-swift read it: `instruction`, `input` (the two are one question, on two lines),
`output`, perhaps `system`, a `history` of pairs of question and answer (which are learned as well), and `image` or
`images`. Placeholders are optional: images without any go before the first question."""

from ops.core.json_values import Fields
from ops.formats import dialogues, fields
from ops.formats.contract import Format
from ops.formats.messages import conversation
from ops.intake.row import Row


def _recognise(record: Fields) -> bool:
    return isinstance(record.get("instruction"), str) and isinstance(record.get("output"), str)


def _parse(record: Fields) -> Row:
    fields.text_field(record, "instruction")
    fields.text_field(record, "output")
    return answered_row(record)


def answered_row(record: Fields) -> Row:
    """An example of a row that asks and answers in fields of their own."""
    read = dialogues.dialogue(record)
    turns = conversation(read.items, dialogues.images(record), implicit=True, objects=record.get("objects"))
    return Row(
        kind="sft",
        source_id=fields.id_field(record, "id"),
        messages=turns.messages,
        images=turns.images,
        metadata=fields.rest(record, *read.used),
        boxes=turns.boxes,
    )


FORMAT = Format(
    name="alpaca", title="Alpaca", recognise=_recognise, parse=_parse, kinds=("sft",), judged_by=frozenset(), rank=-5
)
