"""axolotl, multimodal (`processor_type`, `skip_prepare_dataset`). Nothing is left out and nothing replaced: what the
processor refuses stops the run. A *message* without content, though, is left out of its row without a word
(`convert_messages_to_multimedia_messages` in processing_strategies.py). Nothing is cut either: `sequence_len` does not
hold for such trainings, and a longer row goes to the model whole, as far as the memory reaches (`max_tokens` here only
says which rows those are).

Pictures stand in the parts of the messages. Of a column `images` the first picture alone is read, at the end of the
first question, whatever `<image>` the text has, which stays as text; an empty list in that column stops the run. A
loss is taken on answers with their end, not on the pictures in them; the roles' order is not looked at. This is with
Qwen's template; other models' strategies take the loss on other tokens (the run's log says which). Pictures in parts
are opened by transformers' processor with torchvision, which has no limit of pixels as Pillow has: beyond that limit
a row is unknown. Its strategies for preferences write texts alone: the export holds SFT."""

import re
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
from ops.preflight.layout import Pieces, beyond, crash, failing_picture, laid_out, looks, places, stood_up
from ops.preflight.limits import Limits
from ops.preflight.settling import whole

_PAD = r"<\|endoftext\|>"  # Qwen's
_NAMES = {"human": "user", "gpt": "assistant"}


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The sequence, or the row's end."""
    row = stood_up(row)
    turns = [turn for turn in row.turns if turn.parts is not None]
    if not any(turn.role in _NAMES.values() for turn in row.turns):  # `conversations`, whose roles it renames
        turns = [replace(turn, role=_NAMES.get(turn.role, turn.role)) for turn in turns]
    used = row
    if not any(turn.is_list for turn in turns):
        used = replace(row, pictures=row.pictures[:1])
        if row.pictures and not turns:
            return crash("no_messages")
        turns = _with_column(turns, used)
    failure = failing_picture(used)
    if failure is not None:
        by_processor = used is row and failure.reason == "image_bomb"
        return beyond("a picture of more pixels than Pillow opens") if by_processor else failure
    if places(turns) != len(used.pictures):
        return crash("placeholder_mismatch", f"{places(turns)} placeholders, {len(used.pictures)} pictures")
    if used.pictures and any(family.image_token in turn.text for turn in turns):
        return crash("model_token", f"{family.image_token} in a text")
    try:
        sights = looks(used, limits, family.look)
    except UnseeableError as error:
        return crash("image_refused", str(error))
    return _sequence(used, turns, sights, limits, family)


def settle(counted: Counted, limits: Limits) -> Forecast:
    """Whole, whatever its length."""
    result = whole(counted)
    if (
        limits.max_tokens
        and counted.tokens > limits.max_tokens
        and result.outcome is Outcome.READ
        and not result.reason
    ):
        return replace(result, reason="not_cut", detail=f"{counted.tokens:,} tokens, {limits.max_tokens:,} are meant")
    return result


def _with_column(turns: Sequence[Turn], row: Row) -> list[Turn]:
    """Texts as they stand, and the picture of the column behind the first question."""
    marked = [replace(turn, parts=(turn.marked_text,)) for turn in turns]
    if row.pictures:
        first = next((number for number, turn in enumerate(marked) if turn.role == "user"), 0)
        marked[first] = replace(marked[first], parts=(*(marked[first].parts or ()), IMAGE))
    return marked


def _sequence(row: Row, turns: Sequence[Turn], sights: Sequence[Sight], limits: Limits, family: Family) -> Layout:
    written, template = Pieces(family), family.template
    left = iter(sights)
    opening = template.default_system if limits.system is None else limits.system
    if opening and turns and turns[0].role != "system":
        written.template(template.system.replace("{text}", opening))
    end = template.answer_end.rstrip("\n")
    for turn in turns:
        is_answer = turn.role == "assistant"
        before, _, after = template.user.replace("user", turn.role).partition("{text}")
        written.template(template.answer_start if is_answer else before)
        learnt = is_answer
        for part in turn.parts or ():
            if part is None:
                written.picture(next(left).tokens, family.around, target=learnt, marks_only=True)
                continue
            for at, text in enumerate(re.split(f"({re.escape(end)}|{_PAD})", part)):
                if at % 2 == 0:
                    written.text(text, target=learnt)
                else:  # the mark of a message's end in a text ends what is learnt, of padding nothing is
                    written.mark(target=learnt and text == end)
                    learnt = learnt and text != end
        written.template(end if is_answer else after, target=learnt)
        written.template(template.answer_end.removeprefix(end) if is_answer else "")
    return laid_out(written, row, sights)


TRAINER = Trainer(
    name="axolotl",
    title="axolotl",
    version="0.19.0",
    lay_out=lay_out,
    settle=settle,
    carries=Carries(kinds=("sft",)),
    ignores_tools=True,
    reads_parts=True,
)
