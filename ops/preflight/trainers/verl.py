"""verl, prompts of RL. With `filter_overlong_prompts`, its default, every prompt is written and counted when a file is
loaded (`RLHFDataset` in utils/dataset/rl_dataset.py), and *left out* where it is longer than `max_prompt_length`
(1,024) or where anything fails: placeholders that are not as many as the pictures, a picture that is missing or
broken, too thin, or a message without content that is to hold one. A failure and a length look alike in its log,
which tells how many are left.

`<video>` and `<audio>` in the texts of a prompt with pictures are placeholders too; in a prompt without pictures no
placeholder is looked for. Pictures are scaled by qwen_vl_utils. A prompt needs no answer, and roles may come in any
order."""

from collections.abc import Sequence
from dataclasses import replace

from ops.preflight.contract import (
    Counted,
    Family,
    Forecast,
    Layout,
    Outcome,
    Row,
    Sight,
    Trainer,
    UnseeableError,
)
from ops.preflight.layout import Pieces, failing_picture, laid_out, looks, places
from ops.preflight.limits import Limits
from ops.preflight.settling import whole
from ops.text.placeholders import PLACEHOLDER


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The prompt as a sequence, or its end."""
    if row.pictures:
        if places(row.turns) != len(row.pictures):
            detail = f"{places(row.turns)} placeholders, {len(row.pictures)} pictures"
            return _dropped("placeholder_mismatch", detail)
        if any(word in turn.text for turn in row.turns for word in ("<video>", "<audio>")):
            return _dropped("foreign_placeholder")
        failure = failing_picture(row)
        if failure is not None:
            return failure if failure.outcome is Outcome.UNKNOWN else replace(failure, outcome=Outcome.DROPPED)
        if any(family.image_token in turn.text for turn in row.turns):
            return _dropped("model_token", f"{family.image_token} in a text")
    try:
        sights = looks(row, limits, family.look_in_swift or family.look)
    except UnseeableError as error:
        return _dropped("image_refused", str(error))
    return _sequence(row, sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, or left out."""
    found = whole(counted)
    if limits.max_tokens and counted.tokens > limits.max_tokens:
        detail = f"{counted.tokens:,} tokens, {limits.max_tokens:,} fit"
        return replace(found, outcome=Outcome.DROPPED, reason="too_long", detail=detail)
    if found.reason != "no_target":
        return found
    resized = counted.layout.resized
    outcome, reason = (Outcome.RESIZED, "image_resized") if resized else (Outcome.READ, "")
    return replace(found, outcome=outcome, reason=reason, detail=f"{resized} pictures" if resized else "")


def _dropped(reason: str, detail: str = "") -> Forecast:
    return Forecast(outcome=Outcome.DROPPED, reason=reason, detail=detail)


def _sequence(row: Row, sights: Sequence[Sight], limits: Limits, family: Family) -> Layout:
    written, template = Pieces(family), family.template
    left = iter(sights)
    opening = template.default_system if limits.system is None else limits.system
    if opening and row.turns and row.turns[0].role != "system":
        written.template(template.system.replace("{text}", opening))
    for turn in row.turns:
        spoken = turn.role == "assistant"
        before, _, after = (template.system if turn.role == "system" else template.user).partition("{text}")
        written.template(template.answer_start if spoken else before)
        for part in turn.parts or ():
            sight = next(left, None) if part is None else None
            if sight is not None:
                written.picture(sight.tokens, family.around)
            else:
                written.text(PLACEHOLDER if part is None else part)
        written.template(template.answer_end if spoken else after)
    written.template(template.answer_start)
    return laid_out(written, row, sights)


TRAINER = Trainer(
    name="verl",
    title="verl",
    version="0.9.1",
    lay_out=lay_out,
    settle=settle,
    presets={"max_tokens": 1024},
    failures=("drop",),
    reads_pairs=False,
    reads="prompt",
)
