"""Stored examples as the rows that an export writes for a trainer."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa

from ops.boxes.conventions import counts_pixels
from ops.boxes.notations import OBJECTS
from ops.core import arrow
from ops.core.stored import StoredExample, StoredMessage
from ops.core.turns import CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT
from ops.intake.row import CONTEXT
from ops.preflight.contract import Picture, Row, Turn
from ops.preflight.records import text_parts
from ops.text.placeholders import MEDIA, placeholder_text

READ = ("example_id", "kind", "messages", "image_ids")
"""Columns of examples (schemas.EXAMPLES) that a forecast needs."""
BOX_COLUMNS = ("example_id", "convention", "notation")
"""Columns of boxes (schemas.BOXES) that it needs."""
KNOWN_KINDS = ("sft", "preference", "prompt")
_SPOKEN = ("assistant", CONTEXT)
_SILENT = {"sft": (CONTEXT,)}


def rows_of(
    examples: pa.Table,
    picture: Callable[[str], Picture],
    *,
    as_parts: bool,
    masks_answers: bool = False,
    box_scales: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> list[Row]:
    """The rows of examples (READ), in order. `picture` knows the pictures by their ids. `masks_answers`: the trainer's
    files can hold an answer without loss. `as_parts`: they hold typed parts; else texts with `<image>` in them, in
    which a literal `<image>`, `<video>` or `<audio>` is written with a space, as every export writes it. `box_scales`:
    by example, what its texts name pixels by (`pixel_scales`)."""
    stored = arrow.rows_of(examples.select(READ), StoredExample)
    return [
        _row(example, picture, as_parts=as_parts, masks_answers=masks_answers, scales=box_scales) for example in stored
    ]


def pixel_scales(boxes: pa.Table, *, writes_boxes: bool) -> dict[str, tuple[str, ...]]:
    """Of the examples that name pixels (rows of schemas.BOXES, or their columns BOX_COLUMNS), the conventions by which
    they do. `writes_boxes`: the trainer puts those that came as `objects` on the model's scale itself."""
    scales: dict[str, set[str]] = {}
    for example, convention, notation in zip(*(boxes[name].to_pylist() for name in BOX_COLUMNS), strict=True):
        if counts_pixels(convention) and not (writes_boxes and notation == OBJECTS):
            scales.setdefault(example, set()).add(convention)
    return {example: tuple(sorted(names)) for example, names in scales.items()}


def _row(
    example: StoredExample,
    picture: Callable[[str], Picture],
    *,
    as_parts: bool,
    masks_answers: bool,
    scales: Mapping[str, tuple[str, ...]],
) -> Row:
    # Of a preference nothing before its judged answers is learned, where the export can say so.
    silent = _SPOKEN if example["kind"] == "preference" and masks_answers else _SILENT.get(example["kind"], ())
    turns_of_all = (_turn(message, as_parts) for message in example["messages"] or ())
    every_turn = [
        _answer(turn, is_learned=turn.role not in silent) if turn.role in _SPOKEN else turn for turn in turns_of_all
    ]
    answers = {turn.role: turn for turn in reversed(every_turn) if turn.role in CANDIDATE_ROLES}
    turns = [turn for turn in every_turn if turn.role not in (*CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT)]
    chosen, rejected = (_answer(answers[role]) if role in answers else None for role in ("chosen", "rejected"))
    rated = [turn for turn in every_turn if turn.role == "response"]
    if len(rated) == 1 and not chosen:  # one judged answer ends the conversation
        turns.append(_answer(rated[0]))
    return Row(
        row_id=example["example_id"],
        turns=tuple(turns),
        pictures=tuple(picture(image) for image in _images_in_order(example)),
        chosen=chosen if rejected else None,
        rejected=rejected if chosen else None,
        box_scales=scales.get(example["example_id"], ()),
        is_prompt=example["kind"] == "prompt",
        is_judged=len(rated) == 1 and not chosen,
        unreadable=_beyond(example, turns, rated, masks_answers=masks_answers),
    )


def _beyond(example: StoredExample, turns: Sequence[Turn], rated: Sequence[Turn], *, masks_answers: bool) -> str:
    """What of the example these rules do not cover; empty where they cover all."""
    if example["kind"] not in KNOWN_KINDS:
        return f"an example of kind {example['kind']}"
    if len(rated) > 1:
        return f"{len(rated)} rated answers"
    if not masks_answers and any(not turn.is_learned for turn in turns):
        return "an answer that carries no loss"
    return ""


def _turn(message: StoredMessage, as_parts: bool) -> Turn:
    parts = message["parts"] or ()
    if as_parts:
        typed = tuple(None if part["type"] == "image" else part["text"] or "" for part in parts)
        return Turn(message["role"], typed, is_list=True)
    texts = (None if part["type"] == "image" else part["text"] or "" for part in parts)
    return Turn(message["role"], text_parts(placeholder_text(texts, reserved=MEDIA)))


def _answer(turn: Turn, *, is_learned: bool = True) -> Turn:
    return Turn("assistant", turn.parts, turn.is_list, is_learned)


def _images_in_order(example: StoredExample) -> list[str]:
    """The pictures in the order in which the parts show them; of parts that name none, as the example lists them."""
    named = [part["image_id"] for message in example["messages"] or () for part in message["parts"] or ()]
    in_parts = [image for image in named if image]
    return in_parts or list(example["image_ids"] or ())
