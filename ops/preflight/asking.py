"""A prompt of RL as the sequence that asks for an answer."""

from collections.abc import Sequence
from dataclasses import replace

from ops.preflight.contract import Counted, Family, Forecast, Layout, Outcome, Row, Sight, Turn
from ops.preflight.layout import Pieces, laid_out
from ops.preflight.limits import Limits
from ops.preflight.settling import whole
from ops.text.placeholders import PLACEHOLDER


def asking(row: Row, turns: Sequence[Turn], sights: Sequence[Sight], limits: Limits, family: Family) -> Layout:
    """The turns by the model's template, up to where an answer begins. A placeholder beyond the pictures is text, a
    role that the template does not know its own name."""
    written, template = Pieces(family), family.template
    left = iter(sights)
    opening = template.default_system if limits.system is None else limits.system
    if opening and turns and turns[0].role != "system":
        written.template(template.system.replace("{text}", opening))
    for turn in turns:
        spoken = turn.role == "assistant"
        shape = template.system if turn.role == "system" else template.user.replace("user", turn.role)
        before, _, after = shape.partition("{text}")
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


def settle_filtered(counted: Counted, limits: Limits) -> Forecast:
    """Whole, or left out where it is longer than `max_tokens`."""
    if not limits.max_tokens or counted.tokens <= limits.max_tokens:
        return whole(counted, is_prompt=True)
    detail = f"{counted.tokens:,} tokens, {limits.max_tokens:,} fit"
    return replace(whole(counted), outcome=Outcome.DROPPED, reason="too_long", detail=detail)
