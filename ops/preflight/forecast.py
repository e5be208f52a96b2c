"""Forecasts of many rows: laid out one by one, counted together, settled one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from ops.preflight.contract import Counted, Family, Forecast, Layout, Outcome, Row, Trainer
from ops.preflight.families.writing import CHATML
from ops.preflight.layout import beyond, crash
from ops.preflight.limits import Limits
from ops.preflight.registry import family_of
from ops.text.tokens import Counter

_WORST = list(Outcome)


def forecast_rows(trainer: Trainer, rows: Sequence[Row], limits: Limits, count: Counter) -> list[Forecast]:
    """The forecast of each row, in order; of a preference, that of the side which fares worse, with what both lose.
    `count` counts the tokens of texts without special tokens of their own; each different text is counted once."""
    return [forecast_of_row(sides) for sides in forecast_sides(trainer, rows, limits, count)]


def forecast_sides(trainer: Trainer, rows: Sequence[Row], limits: Limits, count: Counter) -> list[list[Forecast]]:
    """The forecasts of each row's conversations, in order: two of a preference (chosen, rejected), else one."""
    family = family_of(limits.model)
    sides = [_sides(row) for row in rows]
    laid_out = [
        [_lay_out(trainer, side, limits, family, is_pair=len(of_row) > 1) for side in of_row] for of_row in sides
    ]
    texts = {
        piece.text
        for results in laid_out
        for result in results
        if isinstance(result, Layout)
        for piece in result.pieces
        if piece.text
    }
    ordered = sorted(texts)
    counts = dict(zip(ordered, count(pa.array(ordered, pa.string())).tolist(), strict=True))
    return [_settle(trainer, results, limits, counts) for results in laid_out]


def _sides(row: Row) -> list[Row]:
    """The row, or each of the two conversations of a preference."""
    if row.rejected is None:
        return [row]
    same = row.same_answers or (row.chosen is not None and row.chosen.marked_text == row.rejected.marked_text)
    judged = replace(row, chosen=None, rejected=None, is_judged=True, same_answers=same)
    ends = ((row.chosen,) if row.chosen else (), (row.rejected,))
    return [replace(judged, turns=(*row.turns, *end)) for end in ends]


def _lay_out(trainer: Trainer, row: Row, limits: Limits, family: Family, *, is_pair: bool) -> Layout | Forecast:
    if row.left_out:
        return Forecast(outcome=Outcome.LEFT_OUT, reason=row.left_out)
    if row.unreadable:
        return beyond(row.unreadable)
    knows_tools = trainer.ignores_tools or (trainer.lists_tools and family.template.user == CHATML.user)
    if row.tools and not knows_tools:
        return beyond("a list of tools")
    if row.is_prompt != (trainer.reads == "prompt"):
        kind = "a prompt of RL" if row.is_prompt else "no prompt of RL"
        return Forecast(outcome=Outcome.UNKNOWN, reason="other_kind", detail=kind)
    if is_pair and "preference" not in trainer.carries.kinds:
        return beyond("a preference")
    if limits.max_images and len(row.pictures) > limits.max_images:
        return crash("too_many_images", f"{len(row.pictures)} pictures, {limits.max_images} at most")
    return trainer.lay_out(row, limits, family)


def _settle(
    trainer: Trainer, results: Sequence[Layout | Forecast], limits: Limits, counts: Mapping[str, int]
) -> list[Forecast]:
    counted = [_counted(one, counts) if isinstance(one, Layout) else one for one in results]
    if trainer.settle_pair is not None and len(counted) == 2:
        chosen, rejected = counted
        if isinstance(chosen, Counted) and isinstance(rejected, Counted):
            return trainer.settle_pair(chosen, rejected, limits)
    return [trainer.settle(one, limits) if isinstance(one, Counted) else one for one in counted]


def _counted(layout: Layout, counts: Mapping[str, int]) -> Counted:
    return Counted(layout, tuple(replace(p, tokens=counts[p.text]) if p.text else p for p in layout.pieces))


def forecast_of_row(forecasts: Sequence[Forecast]) -> Forecast:
    """Of the two conversations of a preference, what happens to the row: the worse, with what both lose. A row that is
    replaced or left out for one of them never meets the model, at which the other would stop."""
    left_out = [forecast for forecast in forecasts if forecast.outcome in (Outcome.REPLACED, Outcome.DROPPED)]
    worst = max(left_out or forecasts, key=lambda forecast: _WORST.index(forecast.outcome))
    if len(forecasts) == 1:
        return worst
    return replace(
        worst,
        tokens_lost=sum(one.tokens_lost for one in forecasts),
        answer_tokens_lost=sum(one.answer_tokens_lost for one in forecasts),
        image_tokens_lost=sum(one.image_tokens_lost for one in forecasts),
    )
