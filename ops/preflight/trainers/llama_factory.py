"""LLaMA-Factory. A row whose roles do not alternate, beginning with the user and ending with the assistant, is left out
with a warning in the log (data/converter.py, data/processor/supervised.py). Everything else stops the whole run, on
whichever row it happens: placeholders that are not as many as the pictures, a file that is missing or broken, a message
without content (data/mm_plugin.py). `<video>` and `<audio>` in a text are placeholders too.

Pictures are scaled to `image_min_pixels` and `image_max_pixels` (1,024 and 589,824: 768 x 768) before the model's
processor sees them (`trainer_min_image_px`, `trainer_max_image_px` here). A sequence beyond `cutoff_len` (2,048) is
cut turn by turn, question and answer in proportion (`infer_seqlen` in data/processor/processor_utils.py), and turns
beyond it vanish. The cut does not look at what it removes: half a picture's tokens in the sequence meet the whole
picture's features in the model, which stops.

What a tool says (`observation`; exports name it `tool` and say so in dataset_info.json) stands in a turn of the user,
calls of tools (`function_call`, in JSON) in an answer, and the list of them (`tools`, a text of JSON, where
dataset_info.json names that column) behind the system prompt: one that is broken stops the run. That is of Qwen's
template, other models' are unknown.

Of a pair both answers are cut to the lengths that the longer one leaves. A judged answer (KTO) is told from its text: a
*good answer of no text is trained as a bad one* (data/processor/feedback.py). Its loss also looks at the answer of the
row before it under this row's question; what becomes of that is not forecast."""

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
from ops.preflight.families.writing import CHATML
from ops.preflight.layout import Pieces, beyond, crash, failing_picture, laid_out, places, scaled_between, sight_of
from ops.preflight.limits import Limits
from ops.preflight.settling import Kept, cut, keep_start, whole
from ops.preflight.tool_calls import with_list_written
from ops.preflight.tool_lists import factory_tools

_TOOLS = {"observation", "tool"}
_CALL = "function_call"
_THOUGHT = ("<think>", "<tool_call>")
_QUESTIONS, _ANSWERS = {"user", *_TOOLS}, {"assistant", _CALL}
_QWEN_SIDE_PX, _QWEN_ASPECT, _QWEN_ASPECT_THEN = 28, 200, 180


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence, or the row's end."""
    turns = list(row.turns)
    system = turns.pop(0) if turns and turns[0].role == "system" else None
    if not _alternates(turns):
        return Forecast(outcome=Outcome.DROPPED, reason="role_order" if turns else "no_messages")
    if any(turn.role in (*_TOOLS, _CALL) for turn in turns) and family.template.user != CHATML.user:
        return beyond("turns of tools")
    if row.label is True and turns[-1].parts is None:  # as an answer of no text
        turns[-1] = replace(turns[-1], parts=())
    if any(turn.parts is None for turn in turns):
        return crash("no_content")
    written = _with_calls(turns)
    if isinstance(written, Forecast):
        return written
    opening = _opening(row, system, limits, family)
    if isinstance(opening, Forecast):
        return opening
    if places(turns) != len(row.pictures):
        return crash("placeholder_mismatch", f"{places(turns)} placeholders, {len(row.pictures)} pictures")
    if any(word in turn.text for turn in turns for word in ("<video>", "<audio>")):
        return crash("foreign_placeholder")
    sights = _sights(row, limits, family)
    return sights if isinstance(sights, Forecast) else _sequence(row, opening, written, sights, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, or cut turn by turn."""
    if not limits.max_tokens:
        return whole(counted)
    kept: Kept = []
    length = 0
    for source, target in _lengths(counted):
        room = limits.max_tokens - length
        stays = (0, 0) if room <= 0 else _shares(source, target, room)
        length += sum(stays)
        number = len(kept)
        turn = [piece for piece in counted.pieces[number:] if piece.turn == counted.pieces[number].turn]
        kept += keep_start([piece for piece in turn if not piece.target], stays[0])
        kept += keep_start([piece for piece in turn if piece.target], stays[1])
    return cut(counted, kept, most=limits.max_tokens)


def settle_pair(chosen: Counted, rejected: Counted, limits: Limits) -> list[Forecast]:
    """Both cut to the same lengths, those that the longer answer leaves."""
    sides = (chosen, rejected)
    if not limits.max_tokens:
        return [whole(side) for side in sides]
    source, target = sides[0].tokens - sides[0].answer_tokens, max(side.answer_tokens for side in sides)
    room = _shares(source, target, limits.max_tokens)
    forecasts: list[Forecast] = []
    for side in sides:
        question = [piece for piece in side.pieces if not piece.target]
        answer = [piece for piece in side.pieces if piece.target]
        kept = keep_start(question, room[0]) + keep_start(answer, room[1])
        forecasts.append(cut(side, kept, most=limits.max_tokens))
    return forecasts


def _alternates(turns: Sequence[Turn]) -> bool:
    accepted = (_QUESTIONS, _ANSWERS)
    return bool(turns) and len(turns) % 2 == 0 and all(turn.role in accepted[n % 2] for n, turn in enumerate(turns))


def _opening(row: Row, system: Turn | None, limits: Limits, family: Family) -> str | Forecast:
    """The system prompt with the list of tools behind it, or the row's end."""
    tools = factory_tools(row.tools) if isinstance(row.tools, str) and row.tools else ""
    if tools is None:
        return crash("tools_broken")
    if row.tools and not isinstance(row.tools, str):
        return beyond("a list of tools that is no text")
    default = family.template.default_system
    opening = (default if limits.system is None else limits.system) if system is None else system.marked_text
    return (opening or (default if system or row.tools else "")) + tools


def _with_calls(turns: Sequence[Turn]) -> list[Turn] | Forecast:
    """The turns with calls of tools as texts, or the row's end where one is none."""
    written: list[Turn] = []
    for turn in turns:
        if turn.role == _CALL and any(mark in turn.text for mark in _THOUGHT):
            return beyond("thoughts beside a call of a tool")
        answer = with_list_written(turn) if turn.role == _CALL else turn
        if answer is None:
            return crash("call_broken")
        written.append(answer)
    return written


def _sights(row: Row, limits: Limits, family: Family) -> list[Sight] | Forecast:
    """What the model makes of the pictures, or the row's end where one cannot be seen."""
    failure = failing_picture(row)
    if failure is not None:
        return failure
    try:
        return [sight_of(_prepared(picture.size, limits, family), limits, family.look) for picture in row.pictures]
    except UnseeableError as error:
        return crash("image_refused", str(error))


def _prepared(size: tuple[int, int], limits: Limits, family: Family) -> tuple[int, int]:
    """The size at which the model's processor gets a picture."""
    width, height = scaled_between(size, limits)
    if family.name.startswith("qwen"):
        width, height = max(width, _QWEN_SIDE_PX), max(height, _QWEN_SIDE_PX)
        width = height * _QWEN_ASPECT_THEN if width / height > _QWEN_ASPECT else width
        height = width * _QWEN_ASPECT_THEN if height / width > _QWEN_ASPECT else height
    return width, height


def _sequence(row: Row, opening: str, turns: Sequence[Turn], sights: Sequence[Sight], family: Family) -> Layout:
    written, template = Pieces(family), family.template
    left = iter(sights)
    if opening:
        before, _, after = template.system.partition("{text}")
        written.template(before)
        written.text(opening)
        written.template(after)
    before, _, after = template.user.partition("{text}")
    for number, turn in enumerate(turns):
        spoken, pair = number % 2 == 1, 0 if row.is_judged else number // 2
        target = number == len(turns) - 1 if row.is_judged else spoken
        written.template("" if spoken else before, turn=pair)
        parts = turn.parts or ()
        for part in ("<tool_response>\n", *parts, "\n</tool_response>") if turn.role in _TOOLS else parts:
            if part is None:
                written.picture(next(left).tokens, family.around, target=target, turn=pair)
            else:
                written.text(part, target=target, turn=pair)
        written.template(template.answer_end if spoken else after + template.answer_start, target=target, turn=pair)
    empty = row.label is True and not turns[-1].marked_text
    return replace(laid_out(written, row, sights), misjudged=empty)


def _lengths(counted: Counted) -> list[tuple[int, int]]:
    """Tokens of the question and of the answer of each turn."""
    lengths: dict[int, list[int]] = {}
    for piece in counted.pieces:
        lengths.setdefault(piece.turn, [0, 0])[piece.target] += piece.tokens
    return [(source, target) for source, target in lengths.values()]


def _shares(source: int, target: int, room: int) -> tuple[int, int]:
    """How many tokens of a question and of its answer stay in that room: the shorter of them whole where it is less
    than half the room, else both in proportion."""
    if target * 2 < room:
        most = room
    elif source * 2 < room:
        most = room - source
    else:
        most = int(room * (target / (source + target)))
    answer = min(most, target)
    return min(max(room - answer, 0), source), answer


TRAINER = Trainer(
    name="llamafactory",
    title="LLaMA-Factory",
    version="0.9.5",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(in_pairs=True, shown_answers=False),
    settle_pair=settle_pair,
    presets={"max_tokens": 2048, "trainer_min_image_px": 32 * 32, "trainer_max_image_px": 768 * 768},
    truncations=("cutoff",),
    lists_tools=True,
)
