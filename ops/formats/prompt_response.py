"""A prompt and its response: TRL's `prompt` and `completion`, ms-swift's `query` and `response`, and any other pair of
`prompt` or `query` with `completion` or `response`; beside an image also `question` and `answer`. Each is a text or a
list of messages, of which only the response's are learned. Perhaps `system`, a `history` of pairs of question and
answer (which are learned as well), and `image` or `images`. Placeholders are optional: images without any go before the
first question."""

from collections.abc import Mapping

from ops.core.json_values import Cell, Fields
from ops.formats import dialogues, fields
from ops.formats.alpaca import answered_row
from ops.formats.contract import Format
from ops.intake.row import Row, RowError


def _recognise(record: Fields) -> bool:
    prompt, answer = dialogues.asked(record), dialogues.answered(record)
    if prompt is None or answer is None or dialogues.listed(record):
        return False
    # Tables of who answered what have a question and an answer as well, and no image.
    has_pictures = any(fields.present(record.get(name)) for name in dialogues.PICTURES)
    if not has_pictures and (prompt == "question" or answer == "answer"):
        return False
    shaped = isinstance(record[prompt], str | list) and isinstance(record[answer], str | list)
    return shaped and not any(fields.present(record.get(name)) for name in ("caption", "captions"))


def _parse(record: Fields) -> Row:
    prompt, answer = dialogues.asked(record), dialogues.answered(record)
    if prompt is None or answer is None:
        raise RowError("field_missing", "completion" if prompt else "prompt")
    return answered_row({**record, prompt: _without_loss(record[prompt])})


def _without_loss(prompt: Cell) -> Cell:
    """The prompt's messages, of which none is learned."""
    if not isinstance(prompt, list):
        return prompt
    asking = ("user", "human", "system", "developer")
    messages = [item if isinstance(item, Mapping) else None for item in prompt]
    return [
        item if message is None or message.get("role", message.get("from")) in asking else {**message, "loss": False}
        for item, message in zip(prompt, messages, strict=True)
    ]


FORMAT = Format(
    name="prompt_response",
    title="Prompt and response (TRL, ms-swift)",
    recognise=_recognise,
    parse=_parse,
    kinds=("sft",),
    judged_by=frozenset(),
    rank=-5,
)
