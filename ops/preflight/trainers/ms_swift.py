"""ms-swift. Rows are read twice. When the file is loaded (swift/dataset/preprocessor/core.py), a row without messages,
with a message without content or with a role that ms-swift does not know, or whose rejected answer is the chosen one,
is deleted with a line in the log. When a row is encoded (swift/dataset/utils.py, LazyLLMDataset, the default for models
that see pictures), any exception, of a picture, of the order of roles, or of a sequence longer than max_length, makes
it be *replaced by another row at random*, ten times at most, so that other rows count twice and nothing says which.
`on_failure: drop` is `--lazy_tokenize false`, which deletes such rows when it encodes them beforehand; `on_failure:
crash` is `--strict true`.

Missing placeholders are put before the first message, superfluous ones stay as text. `truncation` right or left cuts
text and never a picture's tokens (swift/template/base.py, `_truncate`), so that a sequence can stay longer than
max_length; `delete`, the default, fails the row. Consecutive turns of one speaker are joined. No loss is taken
on an answer with `loss: false`, but for the end of the last one. What a tool says stands in a turn of the user, and
calls of tools (`tool_call`) in an answer, the list of them (`tools`) behind the system prompt, and a row whose list is
broken fails; that is of Qwen's template, other models' are unknown. Boxes in `objects` are
scaled to what the model expects; boxes in the text are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ops.preflight.contract import (
    IMAGE,
    Carries,
    Counted,
    Family,
    Forecast,
    Layout,
    Outcome,
    Piece,
    Row,
    Sight,
    Template,
    Trainer,
    Turn,
    UnseeableError,
)
from ops.preflight.families.writing import CHATML
from ops.preflight.layout import Pieces, beyond, crash, failing_picture, laid_out, places, scaled_below, sight_of
from ops.preflight.limits import Limits
from ops.preflight.settling import Kept, cut, whole
from ops.preflight.tool_calls import CALL, with_calls_written
from ops.preflight.tool_lists import swift_tools
from ops.text.placeholders import PLACEHOLDER

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "function_call": CALL,
    **dict.fromkeys(("tool_response", "function_response", "observation", "observations"), "tool"),
}
_SPOKEN = {"system", "user", "assistant", "tool", CALL}
_NEXT_QUESTION = "<|im_end|>\n<|im_start|>user\n"
_FAILED = {"replace": Outcome.REPLACED, "drop": Outcome.DROPPED, "crash": Outcome.CRASHED}

_Parts = tuple[str | None, ...]
_Pair = tuple[_Parts, list[Turn] | None]
"""A question, and its answer in one or more messages."""


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence, or the row's end when the file is loaded or the row encoded."""
    loaded = load(row)
    if isinstance(loaded, Forecast):
        is_strict = limits.on_failure == "crash" and loaded.reason != "no_messages"
        return replace(loaded, outcome=Outcome.CRASHED) if is_strict else loaded
    if row.label is not None and loaded[-1].role != "assistant":  # where answers are paired for KTO
        return Forecast(outcome=Outcome.CRASHED, reason="no_target")
    encoded = encode(row, loaded, limits, family)
    return _failed(encoded, limits) if isinstance(encoded, Forecast) else encoded


def load(row: Row) -> list[Turn] | Forecast:
    """The turns as ms-swift names their speakers, or the row's end when its file is loaded."""
    if not row.turns:
        return Forecast(outcome=Outcome.DROPPED, reason="no_messages")
    turns = [replace(turn, role=_ROLES.get(turn.role, turn.role)) for turn in row.turns]
    refused = "same_responses" if row.same_answers else "no_rejected" if row.lacks_rejected else _refused(turns)
    return Forecast(outcome=Outcome.DROPPED, reason=refused) if refused else turns


def encode(row: Row, turns: Sequence[Turn], limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence of a row that was loaded; a crash where the template raises."""
    if any(turn.role in ("tool", CALL) for turn in turns) and family.template.user != CHATML.user:
        return beyond("turns of tools")
    written = with_calls_written(turns)
    opening = next((turn for turn in turns if turn.role != "system"), None)
    # A placeholder that is missing is put before the first message, call or not.
    is_marked = opening is not None and opening.role == CALL and places(turns) < len(row.pictures)
    if written is None or is_marked:
        return crash("call_broken")
    tools = "" if row.tools is None else swift_tools(row.tools)
    if tools is None:
        return crash("tools_broken")
    if PLACEHOLDER in tools:
        return beyond("a placeholder in a list of tools")
    failure = failing_picture(row)
    if failure is not None:
        return failure
    system, turns = (written[0], written[1:]) if written and written[0].role == "system" else (None, written)
    if not turns:
        return crash("no_messages")
    if any(turn.role == "system" for turn in turns):
        return crash("role_order")
    try:
        sights = [_sight(row, number, limits, family) for number in range(len(row.pictures))]
    except UnseeableError as error:
        return crash("image_refused", str(error))
    opening = family.template.default_system if limits.system is None else limits.system
    spoken = (system.parts or ()) if system else (opening,)
    return _sequence(row, (*spoken, tools), list(turns), sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, failed, or without the text that does not fit beside the pictures."""
    if not limits.max_tokens or counted.tokens <= limits.max_tokens:
        return whole(counted)
    if limits.truncation == "delete":
        detail = f"{counted.tokens:,} tokens, {limits.max_tokens:,} fit"
        failed = replace(whole(counted), outcome=Outcome.CRASHED, reason="too_long", detail=detail)
        return _failed(failed, limits)
    kept = keep_pictures(counted, limits)
    forecast = cut(counted, kept, most=limits.max_tokens)
    if _first_is_target(counted.pieces, kept):  # no loss is taken on a sequence's first token
        lost = forecast.answer_tokens_lost + 1
        reason = "no_answer_left" if lost == counted.answer_tokens else "answer_cut"
        return replace(forecast, answer_tokens_lost=lost, reason=reason)
    return forecast


def keep_pictures(counted: Counted, limits: Limits) -> Kept:
    """How many tokens stay of each piece: all of a picture's, and of texts those of one end that fit beside them."""
    room = max(0, limits.max_tokens - counted.image_tokens)
    kept: Kept = []
    for piece in counted.pieces if limits.truncation == "right" else counted.pieces[::-1]:
        stays = piece.tokens if piece.image else min(piece.tokens, room)
        room -= 0 if piece.image else stays
        kept.append(stays)
    return kept if limits.truncation == "right" else kept[::-1]


def _refused(turns: Sequence[Turn]) -> str:
    """Why the row is deleted when its file is loaded; empty where it is not."""
    if any(turn.role not in _SPOKEN for turn in turns):
        return "unknown_role"
    return "no_content" if any(turn.parts is None for turn in turns) else ""


def _failed(failure: Forecast, limits: Limits) -> Forecast:
    if failure.outcome is Outcome.UNKNOWN:
        return failure
    return replace(failure, outcome=_FAILED[limits.on_failure])


def _sight(row: Row, number: int, limits: Limits, family: Family) -> Sight:
    size = scaled_below(row.pictures[number].size, limits.trainer_max_image_px)
    return sight_of(size, limits, family.look_in_swift or family.look)


def _sequence(
    row: Row, system: _Parts, turns: list[Turn], sights: Sequence[Sight], limits: Limits, family: Family
) -> Layout | Forecast:
    lacking = len(sights) - places([Turn("system", system), *turns])
    if lacking > 0:
        turns[0] = replace(turns[0], parts=(*(IMAGE,) * lacking, *(turns[0].parts or ())))
    pairs = _pairs(turns)
    if pairs is None:
        return crash("role_order")
    template, writer = family.template, _Writer(Pieces(family), iter(sights), family)
    if any(part is None or part for part in system):
        before, _, after = template.system.partition("{text}")
        writer.pieces.template(before)
        writer.say(system)
        writer.pieces.template(after)
    before, _, after = template.user.partition("{text}")
    last = len(pairs) - 1
    is_continued = row.is_prompt and limits.truncation == "left"  # as it is sampled from
    for number, (query, answer) in enumerate(pairs):
        writer.pieces.template(before)
        writer.say(query)
        writer.pieces.template(after + template.answer_start)
        if answer is None:
            continue
        ends_learned = writer.answer(answer)
        if number == last and (is_continued or _ends_itself(answer, template)):
            continue
        # The end of an answer is learnt where the token before it is, and always where it is the last.
        writer.pieces.template(template.answer_end, target=number == last or ends_learned)
    return laid_out(writer.pieces, row, sights, literal_places=max(0, -lacking))


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes what is said, and the pictures that are left where their placeholders stand."""

    pieces: Pieces
    left: Iterator[Sight]
    family: Family

    def say(self, parts: Sequence[str | None], *, target: bool = False) -> bool:
        """Writes the parts; returns whether the last token of them is a text's."""
        ends_in_text = False
        for part in parts:
            sight = next(self.left, None) if part is None else None
            if sight is not None:
                self.pieces.picture(sight.tokens, self.family.around)
                ends_in_text = False
            else:
                self.pieces.text("<image>" if part is None else part, target=target)
                ends_in_text |= part != ""
        return ends_in_text

    def answer(self, turns: Sequence[Turn]) -> bool:
        """Writes an answer's messages; returns whether a loss is taken on the last token of them."""
        ends_learned = False
        for turn in turns:
            ends_in_text = self.say(turn.parts or (), target=turn.is_learned)
            if any(part != "" for part in turn.parts or ()):
                ends_learned = ends_in_text and turn.is_learned
        return ends_learned


def _ends_itself(answer: Sequence[Turn], template: Template) -> bool:
    """Whether the last answer ends in a mark at which a model stops: ms-swift writes no end behind it."""
    parts = [part for turn in answer for part in turn.parts or ()]
    last = (parts[-1] if parts else None) or ""
    return last.endswith(tuple(mark for mark in (template.answer_end.strip(), "<|endoftext|>") if mark))


def _pairs(turns: Sequence[Turn]) -> list[_Pair] | None:
    """Questions with their answers: an opening answer without question, a closing question without answer. None where
    tools answer what nobody asked, or a user speaks after them."""
    pairs: list[_Pair] = []
    for turn in _joined(turns):
        parts = turn.parts or ()
        if turn.role == "assistant":
            asked, answer = pairs.pop() if pairs else ((), None)
            pairs.append((asked, [*(answer or ()), turn]))
        elif pairs[-1][1] is None if pairs else turn.role == "tool":
            return None
        else:
            pairs.append((parts, None))
    return pairs


def _joined(turns: Sequence[Turn]) -> list[Turn]:
    """Turns of one speaker as one, but for answers, each of which carries loss or not. What tools say to an answer is a
    turn of its own; said to a question it belongs to the question."""
    joined: list[Turn] = []
    for before, turn in zip((None, *turns), turns, strict=False):
        last = joined[-1] if joined else None
        role, parts = turn.role, turn.parts or ()
        if role == "tool":
            parts = ("<tool_response>\n", *parts, "\n</tool_response>")
            if last is not None and last.role != "assistant":
                role = last.role
                parts = ("\n" if before and before.role == "tool" else _NEXT_QUESTION, *parts)
        if last is not None and role == last.role != "assistant":
            joined[-1] = replace(last, parts=(*(last.parts or ()), *parts))
        else:
            joined.append(replace(turn, role=role, parts=parts))
    return joined


def _first_is_target(pieces: Sequence[Piece], kept: Sequence[int]) -> bool:
    return next((piece.target for piece, stays in zip(pieces, kept, strict=True) if stays), False)


TRAINER = Trainer(
    name="ms-swift",
    title="ms-swift",
    version="4.6.0",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(masks_answers=True, in_pairs=True, joins_answers=True),
    truncations=("delete", "right", "left"),
    failures=("replace", "drop", "crash"),
    writes_boxes=True,
    lists_tools=True,
)
