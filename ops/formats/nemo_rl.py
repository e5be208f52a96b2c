"""RL prompts of NeMo-RL: NeMo Gym's `responses_create_params` with `input` (a text, or messages of typed parts) and
`expected_answer` (or another name of a ground truth) beside it. Its other sets are questions and answers in fields that
its user names, or `messages` whose last answer is the ground truth: they look like examples of SFT, and are read where
`drop.yaml` names the format (`input` and `output`, `problem` or `question` and `answer` or `expected_answer`, or
`messages`). Sets that it reads in verl's columns are read as such."""

from collections.abc import Mapping

from ops.core.json_values import Cell, Fields
from ops.formats import dialogues, fields
from ops.formats.contract import Format
from ops.formats.messages import answer_text, role_contents
from ops.formats.rl_prompts import TRUTHS, prompt_row, truth_field
from ops.intake.row import Row, RowError

_ASKED = ("input", "problem", *dialogues.PROMPTS)
_ANSWERS = (*TRUTHS, "output", "answer")


def _created(record: Fields) -> Fields | None:
    params = record.get("responses_create_params")
    return params if isinstance(params, Mapping) and isinstance(params.get("input"), str | list) else None


def _recognise(record: Fields) -> bool:
    return _created(record) is not None and truth_field(record) is not None


def _parse(record: Fields) -> Row:
    truth = truth_field(record, _ANSWERS)
    right = None if truth is None else record[truth]
    used = ["images", "image", "objects", *([truth] if truth else [])]
    created = _created(record)
    extra: dict[str, Cell] = {}
    if created is not None:
        items = dialogues.as_messages(created, "input", "user")
        extra = {"responses_create_params": other} if (other := fields.rest(created, "input")) else {}
        used.append("responses_create_params")
    elif fields.present(record.get("messages")):
        items = fields.list_field(record, "messages")
        used.append("messages")
        if truth is None and items:
            items, right = items[:-1], _last_answer(items[-1])
    else:
        asked = next((name for name in _ASKED if fields.present(record.get(name))), None)
        if asked is None:
            raise RowError("field_missing", "responses_create_params, messages or input")
        items = dialogues.as_messages(record, asked, "user")
        used.append(asked)
    return prompt_row(record, items=items, images=dialogues.images(record), truth=right, used=used, extra=extra)


def _last_answer(item: Cell) -> str:
    if not isinstance(item, Mapping) or fields.role(item.get("role", item.get("from"))) != "assistant":
        raise RowError("field_missing", "an answer at the end of the messages, which is the ground truth")
    return answer_text(role_contents([item]))


FORMAT = Format(
    name="nemo_rl",
    title="RL prompts (NeMo-RL)",
    recognise=_recognise,
    parse=_parse,
    kinds=("prompt",),
    judged_by=frozenset(),
    rank=9,
)
