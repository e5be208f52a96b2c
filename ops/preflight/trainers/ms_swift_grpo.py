"""ms-swift, prompts of GRPO. The file is loaded as for SFT, and the same rows are deleted there. An answer that ends a
row is taken off; the rest is encoded when its turn comes to be answered (swift/rl_core/resample.py,
swift/rlhf_trainers/rollout_mixin.py). With `truncation` delete, a prompt that is longer than max_length or that fails
in any way is *replaced by another prompt at random*. With left, GRPO's default, a prompt that fails stops the run, and
a longer one loses the beginning of its texts, the system prompt first, where its answers are sampled, while the loss is
taken with the prompt whole.

That count is of transformers' sampling, with the tokens of pictures. Where vLLM samples, a picture counts as one token
when a prompt is cut, so that fewer are."""

from dataclasses import replace

from ops.preflight.contract import Carries, Counted, Family, Forecast, Layout, Outcome, Row, Trainer
from ops.preflight.limits import Limits
from ops.preflight.settling import cut, whole
from ops.preflight.trainers import ms_swift


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The prompt as a sequence, or its end when the file is loaded or the prompt encoded."""
    loaded = ms_swift.load(row)
    if isinstance(loaded, Forecast):
        return loaded
    turns = loaded[:-1] if loaded[-1].role == "assistant" else loaded
    encoded = ms_swift.encode(row, turns, limits, family)
    return _failed(encoded, limits) if isinstance(encoded, Forecast) else encoded


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, replaced, or without the text that does not fit beside the pictures."""
    if not limits.max_tokens or counted.tokens <= limits.max_tokens:
        return whole(counted, is_prompt=True)
    if limits.truncation == "left":
        return cut(counted, ms_swift.keep_pictures(counted, limits), most=limits.max_tokens)
    detail = f"{counted.tokens:,} tokens, {limits.max_tokens:,} fit"
    return replace(whole(counted, is_prompt=True), outcome=Outcome.REPLACED, reason="too_long", detail=detail)


def _failed(failure: Forecast, limits: Limits) -> Forecast:
    is_replaced = failure.outcome is Outcome.CRASHED and limits.truncation == "delete"
    return replace(failure, outcome=Outcome.REPLACED) if is_replaced else failure


TRAINER = Trainer(
    name="ms-swift-grpo",
    title="GRPO of ms-swift",
    version="4.6.0",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(kinds=("prompt",)),
    truncations=("left", "delete"),
    reads="prompt",
    writes_boxes=True,
    lists_tools=True,
)
