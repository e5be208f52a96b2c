"""RL prompts of TRL's GRPO and RLOO: `prompt` (a text, or messages), `images` (or `image`), and the columns that reward
functions read, among them the ground truth (`solution`, `ground_truth`, `expected_answer`, ...). Rows whose truth is
called `answer`, or that have none, are read where `drop.yaml` names the format: by themselves they may be a prompt and
its response, or only half of one."""

from ops.core.json_values import Fields
from ops.formats import dialogues, fields
from ops.formats.contract import Format
from ops.formats.rl_prompts import TRUTHS, prompt_row, truth_field
from ops.intake.row import Row, RowError


def _recognise(record: Fields) -> bool:
    if not isinstance(record.get("prompt"), str | list) or dialogues.listed(record):
        return False
    answered = any(fields.present(record.get(name)) for name in (*dialogues.ANSWERS, "output"))
    return not answered and truth_field(record) is not None


def _parse(record: Fields) -> Row:
    if record.get("prompt") is None:
        raise RowError("field_missing", "prompt")
    truth = truth_field(record, (*TRUTHS, "answer"))
    return prompt_row(
        record,
        items=dialogues.as_messages(record, "prompt", "user"),
        images=dialogues.images(record),
        truth=None if truth is None else record[truth],
        used=("prompt", "images", "image", "objects", *([truth] if truth else [])),
    )


FORMAT = Format(
    name="trl_grpo",
    title="RL prompts (TRL GRPO)",
    recognise=_recognise,
    parse=_parse,
    kinds=("prompt",),
    judged_by=frozenset(),
    rank=7,
)
