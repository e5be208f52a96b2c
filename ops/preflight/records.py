"""Rows of a trainer's own JSON files, as these rules take them: messages with `<image>` in their texts, or with
parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ops.boxes.conventions import PIXELS
from ops.core.json_values import Cell, Fields, fields_of
from ops.preflight.contract import Picture, Row, Turn
from ops.text.placeholders import PLACEHOLDER

_BEYOND = ("videos", "video", "audios", "audio")
_TALKS = ("messages", "conversations", "prompt")
_ASKS, _ANSWERS = ("prompt", "problem", "solution"), ("chosen", "rejected", "completion")
_BOX_MARKS = ("<|box_start|>", "<box>", '"bbox')


def read_record(record: Fields, row_id: str, look: Callable[[Cell], Picture]) -> Row:
    """The row of a record with `messages`, `conversations`, `prompt` or the text `problem`, with `images` or `image`,
    for a pair also `rejected_response`, or `chosen` and `rejected`, and for a judged answer `label` or `kto_tag`.
    `look` says what there is to see at what the record names as a picture."""
    turns = _turns(record)
    chosen, rejected = (_answer(record.get(name)) for name in ("chosen", "rejected"))
    other = record.get("rejected_response")
    same = bool(turns) and isinstance(other, str) and turns[-1].marked_text == other
    label = next((given for name in ("label", "kto_tag") if isinstance(given := record.get(name), bool)), None)
    if isinstance(other, str) and turns:
        chosen, rejected = _last_answer(turns), Turn("assistant", text_parts(other))
    beyond = [name for name in _BEYOND if record.get(name)]
    messages = [*turns, *(one for one in (chosen, rejected) if one is not None)]
    return Row(
        row_id=row_id,
        turns=tuple(turns),
        pictures=tuple(look(named) for named in _listed(record.get("images") or record.get("image"))),
        chosen=chosen,
        rejected=rejected,
        box_scales=(PIXELS,) if any(mark in turn.text for turn in messages for mark in _BOX_MARKS) else (),
        is_prompt=any(name in record for name in _ASKS) and not any(name in record for name in _ANSWERS),
        is_judged=label is not None,
        label=label,
        same_answers=same,
        lacks_rejected="rejected_response" in record and other is None,
        tools=record.get("tools"),
        unreadable=" and ".join(beyond),
    )


def text_parts(text: str) -> tuple[str | None, ...]:
    """A text as parts, with None for each placeholder in it."""
    parts: list[str | None] = []
    for at, piece in enumerate(text.split(PLACEHOLDER)):
        parts += ([None] if at else []) + ([piece] if piece else [])
    return tuple(parts)


def _turns(record: Fields) -> list[Turn]:
    problem = record.get("problem")
    if isinstance(problem, str):
        return [Turn("user", text_parts(problem))]
    return [_turn(message) for message in _listed(next((record[name] for name in _TALKS if record.get(name)), None))]


def _turn(message: Cell) -> Turn:
    given = fields_of(message)
    role = given.get("role", given.get("from"))
    content = given.get("content", given.get("value"))
    is_learned = given.get("loss") is not False
    if isinstance(content, str):
        return Turn(str(role), text_parts(content), is_learned=is_learned)
    if isinstance(content, Sequence):
        return Turn(str(role), tuple(_part(part) for part in content), is_list=True, is_learned=is_learned)
    return Turn(str(role), None)


def _part(part: Cell) -> str | None:
    given = part if isinstance(part, Mapping) else {"text": part}
    return None if given.get("type") == "image" else str(given.get("text") or "")


def _last_answer(turns: list[Turn]) -> Turn | None:
    """Takes the answers after the last question from the turns, as one; None where the last turn is no answer."""
    parts: list[str | None] = []
    lacks_content = False
    last = None
    while turns and turns[-1].role == "assistant":
        last = turns.pop()
        lacks_content |= last.parts is None
        parts[:0] = last.parts or ()
    return replace(last, parts=None if lacks_content else tuple(parts)) if last else None


def _answer(given: Cell) -> Turn | None:
    if isinstance(given, str):
        return Turn("assistant", text_parts(given))
    if isinstance(given, Sequence) and len(given) == 1:
        return _turn(given[0])
    return _turn(given) if isinstance(given, Mapping) else None


def _listed(given: Cell) -> list[Cell]:
    if given is None:
        return []
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
