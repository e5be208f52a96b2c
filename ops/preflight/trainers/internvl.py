"""InternVL's own trainer. Whatever fails in a row (a file that is missing or broken, fewer placeholders in the
questions than pictures, a role that is neither human nor gpt, a picture whose end lies beyond the length), *another row
at random* is taken in its place, ten times at most (`LazySupervisedDataset` in train/internvl_chat_finetune.py); the
order of roles is not looked at. Per row, that is `replaced`.

Superfluous placeholders stay as text. A single picture without any placeholder in the first turn is put before it,
in a system prompt too, where it is then missed. Rows without a system prompt get InternVL's own. What lies beyond
`max_seq_length` (8,192) is cut from the end. A picture is cut into `max_dynamic_patch` tiles (12) at most, several
pictures share them; that is so with `dynamic_image_size` and `use_thumbnail`, as in its scripts. Where a text holds
the model's own image token, the loss of the whole batch is set to 0. Preferences are read by another script of
theirs, which is not covered."""

from collections.abc import Sequence
from dataclasses import replace

from ops.preflight.contract import (
    IMAGE,
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
from ops.preflight.layout import Pieces, crash, failing_picture, laid_out, looks, places
from ops.preflight.limits import Limits
from ops.preflight.settling import Kept, cut, keep_start, whole

_NAMES = {"human": "user", "gpt": "assistant"}
_TILES = 12
SYSTEM = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"
"""What a row without a system prompt begins with."""


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence, or the row's end."""
    if not row.turns:
        return _replaced(crash("no_messages"))
    turns = [replace(turn, role=_NAMES.get(turn.role, turn.role)) for turn in row.turns]
    if len(row.pictures) == 1 and turns[0].parts is not None and not turns[0].places:
        turns[0] = replace(turns[0], parts=(IMAGE, "\n", *turns[0].parts))
    refused = _refused(turns, has_pictures=bool(row.pictures))
    if refused:
        return _replaced(crash(refused))
    failure = failing_picture(row)
    if failure is not None:
        return _replaced(failure)
    system = turns.pop(0) if turns[0].role == "system" else None
    placeholders = places(turn for turn in turns if turn.role == "user")
    if row.pictures and placeholders < len(row.pictures):
        return _replaced(crash("placeholder_mismatch", f"{placeholders} placeholders, {len(row.pictures)} pictures"))
    most = max(1, (limits.max_tiles or _TILES) // max(len(row.pictures), 1))
    try:
        sights = looks(row, replace(limits, max_tiles=most), family.look)
    except UnseeableError as error:
        return _replaced(crash("image_refused", str(error)))
    return _sequence(row, system, turns, sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, replaced where a picture does not end within the length, or without its end."""
    if not limits.max_tokens or counted.tokens <= limits.max_tokens:
        return _unlearnt(whole(counted))
    kept = keep_start(counted.pieces, limits.max_tokens)
    forecast = cut(counted, kept, most=limits.max_tokens)
    return _replaced(forecast) if _picture_cut(counted, kept) else _unlearnt(forecast)


def _refused(turns: Sequence[Turn], *, has_pictures: bool) -> str:
    """Why a row fails before its pictures are opened; empty where it does not. Without pictures a message without
    content is the word None."""
    dialogue = turns[1:] if turns[0].role == "system" else turns
    if any(turn.role not in ("user", "assistant") for turn in dialogue):
        return "unknown_role"
    silent = [turn for turn in dialogue if turn.parts is None and turn.role == "user"]
    first_of_few = turns[0].parts is None and has_pictures
    return "no_content" if has_pictures and (silent or first_of_few) else ""


def _picture_cut(counted: Counted, kept: Kept) -> bool:
    """Whether a picture, or the mark after it, does not stay whole."""
    pairs = list(zip(counted.pieces, kept, strict=True))
    ends = [pairs[at : at + 2] for at, (piece, _) in enumerate(pairs) if piece.image]
    return any(piece.tokens != stays for pair in ends for piece, stays in pair if not piece.text)


def _unlearnt(forecast: Forecast) -> Forecast:
    """The model's own image token in a text does not stop InternVL: nothing is learnt from its batch."""
    stopped = forecast.reason == "model_token"
    return replace(forecast, outcome=Outcome.DROPPED) if stopped else forecast


def _replaced(failure: Forecast) -> Forecast:
    if failure.outcome is Outcome.UNKNOWN:
        return failure
    return replace(failure, outcome=Outcome.REPLACED)


def _sequence(
    row: Row, system: Turn | None, turns: Sequence[Turn], sights: Sequence[Sight], limits: Limits, family: Family
) -> Layout:
    written, template = Pieces(family), family.template
    left = iter(sights)
    literal = 0

    def say(turn: Turn, *, target: bool = False) -> None:
        nonlocal literal
        for part in ("None",) if turn.parts is None else turn.parts:
            sight = next(left, None) if part is None and turn.role == "user" else None
            if sight is not None:
                written.picture(sight.tokens, family.around)
            else:
                literal += part is None
                written.text("<image>" if part is None else part, target=target)

    opening = SYSTEM if limits.system is None else limits.system
    if system is not None or opening:
        before, _, after = template.system.partition("{text}")
        written.template(before)
        say(system or Turn("system", (opening,)))
        written.template(after)
    before, _, after = template.user.partition("{text}")
    end = template.answer_end.rstrip("\n")
    for turn in turns:
        target = turn.role == "assistant"
        written.template(template.answer_start if target else before)
        say(turn, target=target)
        written.template(end if target else after, target=target)
        written.template(template.answer_end.removeprefix(end) if target else "")
    return laid_out(written, row, sights, literal_places=literal)


TRAINER = Trainer(
    name="internvl",
    title="InternVL",
    version="of September 2025 (2410d1d)",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(kinds=("sft",), tools=False, in_pairs=True, shown_answers=False),
    ignores_tools=True,
    presets={"max_tokens": 8192},
    truncations=("keep_start",),
    failures=("replace",),
)
