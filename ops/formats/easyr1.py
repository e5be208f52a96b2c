"""RL prompts of EasyR1 and of the R1 family: `problem` (a text, with `<image>` where its pictures stand), its `answer`
(or `solution`, `ground_truth`), and `images` (or `image`). EasyR1 lets its user name these columns: its
configuration in the drop is believed. Without one, where a file calls the problem `prompt`, `question` or `query`, name
the format in `drop.yaml`: a question beside an answer may as well be an example of SFT, and nothing in the row says
which."""

from ops.core.json_values import Fields
from ops.formats import dialogues
from ops.formats.contract import Format
from ops.formats.rl_prompts import TRUTHS, prompt_row, truth_field
from ops.intake.row import Row, RowError

_PROBLEMS = ("problem", *dialogues.PROMPTS)
_ANSWERS = ("answer", *TRUTHS)


def _recognise(record: Fields) -> bool:
    asked = isinstance(record.get("problem"), str | list) and dialogues.listed(record) is None
    return asked and truth_field(record, _ANSWERS) is not None


def _parse(record: Fields) -> Row:
    problem = next((name for name in _PROBLEMS if record.get(name) is not None), None)
    if problem is None:
        raise RowError("field_missing", "problem")
    truth = truth_field(record, _ANSWERS)
    return prompt_row(
        record,
        items=dialogues.as_messages(record, problem, "user"),
        images=dialogues.images(record),
        truth=None if truth is None else record[truth],
        used=(problem, "images", "image", "objects", *([truth] if truth else [])),
    )


FORMAT = Format(
    name="easyr1",
    title="RL prompts (EasyR1)",
    recognise=_recognise,
    parse=_parse,
    kinds=("prompt",),
    judged_by=frozenset(),
    rank=7,
)
