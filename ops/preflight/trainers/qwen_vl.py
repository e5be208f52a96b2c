"""Qwen-VL's own fine-tuning code (qwen-vl-finetune). Whatever fails in a row (placeholders that are not as many as the
pictures, a file that is missing or broken, a question without content), the row *after it in the file* is taken in its
place, so that that one counts twice; where the next one fails too, the run stops (`__getitem__` in
data/data_processor.py). Per row, that is `replaced`.

Every turn that is not `human` is an answer to it, a system prompt too: it is learnt (Assay's export opens the first
question with it). Texts of questions are stripped around pictures, and a message of white space alone stays empty. What
lies beyond `model_max_length` (512 unless told otherwise; its scripts say 8,192) is cut from the end when the batch is
made, half pictures too, at which the model stops. Pictures are scaled to between 12,544 and 451,584 pixels
(`min_pixels`, `max_pixels` of its arguments). Preferences are not read.

It finds answers by the number of the token `assistant`, and learns what follows up to the next end of a message: an
answer that holds the mark of a message's end is not forecast, and a text in which that very token occurs is learnt
from there."""

from collections.abc import Sequence
from dataclasses import replace

from ops.preflight.contract import (
    Carries,
    Counted,
    Family,
    Forecast,
    Layout,
    Outcome,
    Row,
    Sight,
    Trainer,
    Turn,
    UnseeableError,
)
from ops.preflight.layout import Pieces, beyond, crash, failing_picture, laid_out, looks, places, stood_up
from ops.preflight.limits import Limits
from ops.preflight.settling import cut, keep_start, whole

_QUESTIONS = {"user", "human"}


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence, or the row's end."""
    row = stood_up(row)
    if not row.turns:
        return _replaced(crash("no_messages"))
    asked = [turn for turn in row.turns if turn.role in _QUESTIONS]
    if any(turn.parts is None for turn in asked):
        return _replaced(crash("no_content"))
    if any("<video>" in turn.text for turn in asked):
        return _replaced(crash("foreign_placeholder"))
    if places(asked) != len(row.pictures):
        return _replaced(crash("placeholder_mismatch", f"{places(asked)} placeholders, {len(row.pictures)} pictures"))
    failure = failing_picture(row)
    if failure is not None:
        return _replaced(failure)
    answers = [_as_text(turn) for turn in row.turns if turn.role not in _QUESTIONS]
    if any(family.image_token in text for text in (*answers, *(turn.text for turn in asked))):
        return _replaced(crash("model_token", f"{family.image_token} in a text"))
    if any(family.template.answer_end.strip() in text for text in answers):
        return beyond("the mark of a message's end in an answer")
    try:
        sights = looks(row, limits, family.look)
    except UnseeableError as error:
        return _replaced(crash("image_refused", str(error)))
    return _sequence(row, sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, or without its end."""
    if not limits.max_tokens or counted.tokens <= limits.max_tokens:
        return whole(counted)
    return cut(counted, keep_start(counted.pieces, limits.max_tokens), most=limits.max_tokens)


def _replaced(failure: Forecast) -> Forecast:
    if failure.outcome is Outcome.UNKNOWN:
        return failure
    return replace(failure, outcome=Outcome.REPLACED)


def _as_text(turn: Turn) -> str:
    """An answer's text: what stands for a picture is a text there, and no content the word None."""
    return "None" if turn.parts is None else turn.marked_text


def _sequence(row: Row, sights: Sequence[Sight], limits: Limits, family: Family) -> Layout:
    written, template = Pieces(family), family.template
    left = iter(sights)
    opening = template.default_system if limits.system is None else limits.system
    if opening:
        written.template(template.system.replace("{text}", opening))
    before, _, after = template.user.partition("{text}")
    for turn in row.turns:
        if turn.role not in _QUESTIONS:
            written.template(template.answer_start)
            written.text(_as_text(turn), target=True)
            written.template(template.answer_end, target=True)
            continue
        written.template(before)
        for part in turn.parts or ():
            if part is None:
                written.picture(next(left).tokens, family.around)
            elif part.strip():
                written.text(part.strip())
        written.template(after)
    return laid_out(written, row, sights)


TRAINER = Trainer(
    name="qwen-vl",
    title="Qwen-VL fine-tuning",
    version="of January 2026 (9658872)",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(kinds=("sft",), tools=False, in_pairs=True, shown_answers=False),
    ignores_tools=True,
    presets={"max_tokens": 512, "min_image_px": 28 * 28 * 16, "max_image_px": 28 * 28 * 576},
    truncations=("keep_start",),
    failures=("replace",),
)
