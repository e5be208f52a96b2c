"""What becomes of a sequence whose tokens are counted: what a cut removes, and what that means."""

from collections.abc import Sequence
from dataclasses import replace

from ops.preflight.contract import Counted, Forecast, Outcome, Piece

Kept = list[int]
"""How many tokens of each piece stay, from its start."""


def keep_start(pieces: Sequence[Piece], most: int) -> Kept:
    """The first `most` tokens."""
    kept: Kept = []
    for piece in pieces:
        stays = max(0, min(piece.tokens, most))
        most -= stays
        kept.append(stays)
    return kept


def whole(counted: Counted, *, is_prompt: bool = False) -> Forecast:
    """The forecast of a sequence that stays whole. `is_prompt`: that nothing of it is learnt is as it should be."""
    layout = counted.layout
    base = Forecast(
        outcome=Outcome.READ,
        tokens=counted.tokens,
        answer_tokens=counted.answer_tokens,
        image_tokens=counted.image_tokens,
        resized=layout.resized,
        boxes_moved=layout.boxes_moved,
    )
    if counted.image_tokens != layout.features:
        differ = f"{counted.image_tokens} image tokens, {layout.features} features"
        return replace(base, outcome=Outcome.CRASHED, reason="model_token", detail=differ)
    if layout.boxes_moved:
        return replace(base, outcome=Outcome.RESIZED, reason="boxes_moved")
    if layout.misjudged:
        return replace(base, reason="misjudged")
    if counted.answer_tokens == 0 and not is_prompt:
        return replace(base, reason="no_target")
    if layout.resized:
        return replace(base, outcome=Outcome.RESIZED, reason="image_resized", detail=f"{layout.resized} pictures")
    if layout.literal_places:
        return replace(base, reason="placeholder_literal", detail=f"{layout.literal_places} too many")
    return base


def cut(counted: Counted, kept: Kept, *, most: int) -> Forecast:
    """The forecast of a sequence of which so many tokens stay; as `whole` where all do."""
    base = whole(counted)
    if all(piece.tokens == stays for piece, stays in zip(counted.pieces, kept, strict=True)):
        return base
    pairs = list(zip(counted.pieces, kept, strict=True))
    images = sum(stays for piece, stays in pairs if piece.image)
    answers_lost = sum(piece.tokens - stays for piece, stays in pairs if piece.target)
    base = replace(
        base,
        tokens_lost=counted.tokens - sum(kept),
        answer_tokens_lost=answers_lost,
        image_tokens_lost=counted.image_tokens - images,
    )
    detail = f"{counted.tokens:,} tokens, {most:,} fit"
    if images != counted.layout.features:
        reason = "image_cut" if counted.image_tokens == counted.layout.features else "model_token"
        return replace(base, outcome=Outcome.CRASHED, reason=reason, detail=detail)
    reason = "prompt_cut"
    if answers_lost:
        reason = "no_answer_left" if answers_lost == counted.answer_tokens else "answer_cut"
    return replace(base, outcome=Outcome.TRUNCATED, reason=reason, detail=detail)
