"""TRL. Nothing is left out and nothing is replaced: whatever cannot be read stops the run, when the batch with the row
is made (data_utils.py, `prepare_multimodal_messages`; trainer/sft_trainer.py, DataCollatorForVisionLanguageModeling).
That is a missing or broken file (datasets decodes the `Image` column when it reads the row), placeholders that are not
as many as the pictures, a role other than system, user, assistant and tool. Any order of roles is taken, and so is a
row without an answer: a loss is taken on *all* tokens, questions and pictures too, unless `assistant_only_loss` is set.

A sequence beyond `max_length` (1,024) loses its end. Where that cuts a picture's tokens, transformers' processor
stops with "Mismatch in `image` token count". datasets turns a picture upright by its EXIF orientation, which other
trainers do not. A text content, unlike a list of parts, gets all pictures before the first message of the user, and
`<image>` in it is a text like any other."""

from collections.abc import Sequence
from dataclasses import replace

from ops.preflight.contract import (
    IMAGE,
    Carries,
    Counted,
    Family,
    Forecast,
    Layout,
    Row,
    Sight,
    Trainer,
    Turn,
    UnseeableError,
)
from ops.preflight.layout import Pieces, beyond, crash, failing_picture, laid_out, looks, places, stood_up
from ops.preflight.limits import Limits
from ops.preflight.settling import cut, keep_start, whole

_ROLES = {"system", "user", "assistant", "tool"}


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence, or the row's end."""
    row = stood_up(row)
    turns = placed_turns(row, family)
    if isinstance(turns, Forecast):
        return turns
    refused = _refused_prompt(row) if row.is_judged else None
    if refused is not None:
        return refused
    try:
        sights = looks(row, limits, family.look)
    except UnseeableError as error:
        return crash("image_refused", str(error))
    return _sequence(row, turns, sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, or without its end."""
    if not limits.max_tokens or counted.tokens <= limits.max_tokens:
        forecast = whole(counted)
        learnt = forecast.reason == "no_target" and counted.tokens > 0  # a loss is taken on the question
        return replace(forecast, reason="") if learnt else forecast
    return cut(counted, keep_start(counted.pieces, limits.max_tokens), most=limits.max_tokens)


def placed_turns(row: Row, family: Family) -> list[Turn] | Forecast:
    """The turns with the places of their pictures, or the row's end where something in it cannot be read."""
    failure = failing_picture(row)
    if failure is not None:
        return failure
    if any(turn.role not in _ROLES for turn in row.turns):
        return crash("unknown_role")
    if any(turn.role == "tool" for turn in row.turns):
        return beyond("turns of tools")
    turns = _with_places(row)
    if places(turns) != len(row.pictures):
        return crash("placeholder_mismatch", f"{places(turns)} placeholders, {len(row.pictures)} pictures")
    if any(family.image_token in turn.text for turn in turns):
        return crash("model_token", f"{family.image_token} in a text")
    return turns


def _refused_prompt(row: Row) -> Forecast | None:
    """What happens to a preference because of how its prompt ends; None where it ends in a question or an answer."""
    if len(row.turns) < 2:
        return crash("no_messages")
    before, answer = (turn.role for turn in row.turns[-2:])
    if before == "system":
        return crash("role_order")
    if before != "assistant" and answer != "assistant":
        return beyond("an answer that is not the assistant's")
    return None


def _with_places(row: Row) -> list[Turn]:
    """The turns with the places of their pictures: a content that is a text gets all of them, in the first message of
    the user."""
    turns: list[Turn] = []
    included = False
    for turn in row.turns:
        if turn.parts is None or turn.is_list or turn.role != "user":
            turns.append(turn if turn.is_list or turn.parts is None else replace(turn, parts=(turn.marked_text,)))
            continue
        images = () if included else (IMAGE,) * len(row.pictures)
        turns.append(replace(turn, parts=(*images, turn.marked_text)))
        included = True
    return turns


def _sequence(row: Row, turns: Sequence[Turn], sights: Sequence[Sight], limits: Limits, family: Family) -> Layout:
    written, template = Pieces(family), family.template
    left = iter(sights)
    opening = template.default_system if limits.system is None else limits.system
    if opening and turns and turns[0].role != "system":
        written.template(template.system.replace("{text}", opening))
    last = len(turns) - 1
    # A prompt that ends in an answer is left open for the judged one, so that its end counts among what is learnt.
    is_open = row.is_judged and turns[-2].role == "assistant"
    for number, turn in enumerate(turns):
        spoken = turn.role == "assistant"
        target = number == last if row.is_judged else spoken
        before, _, after = (template.system if turn.role == "system" else template.user).partition("{text}")
        written.template(template.answer_start if spoken else before, target=is_open and number == last)
        for part in turn.parts or ():
            if part is None:
                written.picture(next(left).tokens, family.around, target=target)
            else:
                written.text(part, target=target)
        ends = target or (is_open and number == last - 1)
        written.template(template.answer_end if spoken else after, target=ends)
    return laid_out(written, row, sights)


TRAINER = Trainer(
    name="trl",
    title="TRL",
    version="1.16.0",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(),
    ignores_tools=True,
    presets={"max_tokens": 1024},
    truncations=("keep_start",),
    reads_parts=True,
)
