"""RL prompts of ms-swift's GRPO: `messages` that end in a question (or `query` without a `response`), `images`, and the
columns that its reward functions read, among them the ground truth (`solution`, ...). ms-swift removes an answer at the
end of the messages before it asks; so does this, where such a row stands in a file of prompts, and keeps it in the
metadata as `removed_response`. Messages that end in a question and have no ground truth are read where `drop.yaml`
names the format: by themselves they are a conversation that was cut."""

from collections.abc import Mapping

from ops.core.json_values import Cell, Fields
from ops.formats import dialogues, fields
from ops.formats.contract import Format
from ops.formats.messages import answer_text, beside_names, role_contents, with_system
from ops.formats.rl_prompts import TRUTHS, prompt_row, truth_field
from ops.intake.row import Row, RowError

_ASKING = ("user", "human", "tool", "tool_response", "observation", "function")


def _recognise(record: Fields) -> bool:
    if truth_field(record) is None or any(fields.present(record.get(name)) for name in dialogues.ANSWERS):
        return False
    messages = record.get("messages")
    if isinstance(messages, list) and messages:
        last = messages[-1]
        return isinstance(last, Mapping) and last.get("role", last.get("from")) in _ASKING
    return isinstance(record.get("query"), str)


def _parse(record: Fields) -> Row:
    truth = truth_field(record, (*TRUTHS, "answer"))
    used = ["images", "image", *([truth] if truth else [])]
    if fields.present(record.get("messages")):
        items = with_system(fields.list_field(record, "messages"), record.get("system"))
        used += ["messages", *beside_names(record)]
    elif isinstance(record.get("query"), str):
        read = dialogues.dialogue({name: value for name, value in record.items() if name not in dialogues.ANSWERS})
        items = read.items
        used += list(read.used)
    else:
        raise RowError("field_missing", "messages")
    removed = ""
    while items and _answers(items[-1]):
        removed = answer_text(role_contents(items[-1:]))
        items = items[:-1]
    return prompt_row(
        record,
        items=items,
        images=dialogues.images(record),
        truth=None if truth is None else record[truth],
        used=used,
        extra={"removed_response": removed} if removed else None,
    )


def _answers(item: Cell) -> bool:
    return isinstance(item, Mapping) and fields.role(item.get("role", item.get("from"))) == "assistant"


FORMAT = Format(
    name="ms_swift_grpo",
    title="RL prompts (ms-swift GRPO)",
    recognise=_recognise,
    parse=_parse,
    kinds=("prompt",),
    judged_by=frozenset(),
    rank=7,
)
