"""verl, prompts of RL. With `filter_overlong_prompts`, its default, every prompt is written and counted when a file is
loaded (`RLHFDataset` in utils/dataset/rl_dataset.py), and *left out* where it is longer than `max_prompt_length`
(1,024) or where anything fails: placeholders that are not as many as the pictures, a picture that is missing or
broken, too thin, or a message without content that is to hold one. A failure and a length look alike in its log,
which tells how many are left.

`<video>` and `<audio>` in the texts of a prompt with pictures are placeholders too; in a prompt without pictures no
placeholder is looked for. Pictures are scaled by qwen_vl_utils. A prompt needs no answer, and roles may come in any
order."""

from dataclasses import replace

from ops.preflight.asking import asking, settle_filtered
from ops.preflight.contract import Carries, Family, Forecast, Layout, Outcome, Row, Trainer, UnseeableError
from ops.preflight.layout import failing_picture, looks, places
from ops.preflight.limits import Limits


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The prompt as a sequence, or its end."""
    if not row.turns:
        return _dropped("no_messages")
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
    return asking(row, row.turns, sights, limits, family)


def _dropped(reason: str, detail: str = "") -> Forecast:
    return Forecast(outcome=Outcome.DROPPED, reason=reason, detail=detail)


TRAINER = Trainer(
    name="verl",
    title="verl",
    version="0.9.1",
    lay_out=lay_out,
    settle=settle_filtered,
    carries=Carries(kinds=("prompt",), needs_truth=True),
    ignores_tools=True,
    presets={"max_tokens": 1024},
    failures=("drop",),
    reads="prompt",
)
