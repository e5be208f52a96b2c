"""TRL, prompts of GRPO. Nothing is left out, nothing replaced and nothing cut: GRPOTrainer has no length of prompts any
more, and a longer one goes to the model whole (`max_tokens` here only says which those are). Whatever cannot be read
stops the run, when the batch with the prompt is sampled (trainer/grpo_trainer.py, `_tokenize_prompts`; data_utils.py):
a missing or broken file, placeholders that are not as many as the pictures, a role other than system, user, assistant
and tool, and, of a prompt with pictures, an end that is neither a question nor an answer. Pictures are seen upright,
and go into texts that are no lists of parts, as in SFT."""

from dataclasses import replace

from ops.preflight.asking import asking
from ops.preflight.contract import Carries, Counted, Family, Forecast, Layout, Row, Trainer, UnseeableError
from ops.preflight.layout import crash, looks, stood_up
from ops.preflight.limits import Limits
from ops.preflight.settling import whole
from ops.preflight.trainers import trl


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The prompt as a sequence, or its end."""
    row = stood_up(row)
    if not row.turns:
        return crash("no_messages")
    turns = trl.placed_turns(row, family)
    if isinstance(turns, Forecast):
        return turns
    if any(turn.parts is None for turn in turns):
        return crash("no_content")
    if row.pictures and turns[-1].role == "system":
        return crash("role_order")
    try:
        sights = looks(row, limits, family.look)
    except UnseeableError as error:
        return crash("image_refused", str(error))
    return asking(row, turns, sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, however long."""
    forecast = whole(counted, is_prompt=True)
    if limits.max_tokens and counted.tokens > limits.max_tokens and not forecast.reason:
        return replace(forecast, reason="not_cut", detail=f"{counted.tokens:,} tokens, {limits.max_tokens:,} fit")
    return forecast


TRAINER = Trainer(
    name="trl-grpo",
    title="GRPO of TRL",
    version="1.16.0",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(kinds=("prompt",)),
    ignores_tools=True,
    reads_parts=True,
    reads="prompt",
)
