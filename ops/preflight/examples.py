"""Stored examples as the rows that an export writes for a trainer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pyarrow as pa

from ops.boxes.conventions import counts_pixels
from ops.boxes.notations import OBJECTS
from ops.core import arrow
from ops.core.stored import StoredExample, StoredMessage
from ops.core.turns import CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT, message_text
from ops.intake.row import CONTEXT
from ops.preflight.carrying import left_out
from ops.preflight.contract import Picture, Row, Trainer, Turn
from ops.preflight.records import text_parts
from ops.text.placeholders import MEDIA, placeholder_text

READ = ("example_id", "kind", "messages", "image_ids", "metadata")
"""Columns of examples (schemas.EXAMPLES) that a forecast needs."""
BOX_COLUMNS = ("example_id", "convention", "notation")
"""Columns of boxes (schemas.BOXES) that it needs."""
Ranked = tuple[str, ...]
"""Texts of the answers of a preference that an export holds: the better and the worse, or one; none."""
KNOWN_KINDS = ("sft", "preference", "prompt")
_SPOKEN = ("assistant", CONTEXT)
_SILENT = {"sft": (CONTEXT,)}


def rows_of(
    examples: pa.Table,
    picture: Callable[[str], Picture],
    trainer: Trainer,
    box_scales: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ranked: Mapping[str, Ranked] = MappingProxyType({}),
) -> list[Row]:
    """The rows of examples (READ), in order, as the trainer's export has them: with typed parts, or with texts that
    have `<image>` in them, where a literal `<image>`, `<video>` or `<audio>` is written with a space. `picture` knows
    the pictures by their ids. `box_scales`: by example, what its texts name pixels by (`pixel_scales`). `ranked`: the
    answers of preferences that the export holds; of what it does not name, those that their roles tell."""
    stored = arrow.rows_of(examples.select(READ), StoredExample)
    rows = [_row(example, picture, trainer) for example in stored]
    ids = [row.row_id for row in rows]
    return [
        replace(_with_ranked(row, example, trainer, ranked.get(name)), box_scales=box_scales.get(name, ()))
        for name, row, example in zip(ids, rows, stored, strict=True)
    ]


def pixel_scales(boxes: pa.Table, trainer: Trainer) -> dict[str, tuple[str, ...]]:
    """Of the examples that name pixels (rows of schemas.BOXES, or their columns BOX_COLUMNS), the conventions by which
    they do, but for boxes that the trainer puts on the model's scale itself."""
    scales: dict[str, set[str]] = {}
    for example, convention, notation in zip(*(boxes[name].to_pylist() for name in BOX_COLUMNS), strict=True):
        if counts_pixels(convention) and not (trainer.writes_boxes and notation == OBJECTS):
            scales.setdefault(example, set()).add(convention)
    return {example: tuple(sorted(names)) for example, names in scales.items()}


def _row(example: StoredExample, picture: Callable[[str], Picture], trainer: Trainer) -> Row:
    masks_answers = trainer.carries.masks_answers
    # Of a preference nothing before its judged answers is learned, where the export can say so.
    silent = _SPOKEN if example["kind"] == "preference" and masks_answers else _SILENT.get(example["kind"], ())
    turns_of_all = (_turn(message, trainer.reads_parts) for message in example["messages"] or ())
    every_turn = [
        _answer(turn, is_learned=turn.role not in silent) if turn.role in _SPOKEN else turn for turn in turns_of_all
    ]
    answers = {turn.role: turn for turn in reversed(every_turn) if turn.role in CANDIDATE_ROLES}
    turns = [turn for turn in every_turn if turn.role not in (*CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT)]
    chosen, rejected = (_answer(answers[role]) if role in answers else None for role in ("chosen", "rejected"))
    rated = [turn for turn in every_turn if turn.role == "response"]
    if len(rated) == 1 and not chosen:  # one judged answer ends the conversation
        turns.append(_answer(rated[0]))
    is_known = example["kind"] in KNOWN_KINDS
    return Row(
        row_id=example["example_id"],
        turns=tuple(turns),
        pictures=tuple(picture(image) for image in _images_in_order(example)),
        chosen=chosen if rejected else None,
        rejected=rejected if chosen else None,
        is_prompt=example["kind"] == "prompt",
        is_judged=len(rated) == 1 and not chosen,
        left_out=left_out(example, trainer.carries) if is_known else "",
        unreadable=_beyond(example, rated),
    )


def _with_ranked(row: Row, example: StoredExample, trainer: Trainer, ranked: Ranked | None) -> Row:
    """The row with the answers of several that its export holds."""
    if ranked is None or row.left_out or row.rejected is not None:
        return row
    if not ranked:
        return replace(row, left_out="rank_left_out")
    messages = [message for message in example["messages"] or () if message["role"] in CANDIDATE_ROLES]
    answers = {message_text(message): _answer(_turn(message, trainer.reads_parts)) for message in reversed(messages)}
    if len(ranked) == 1:
        turns = row.turns if row.is_judged else (*row.turns, answers[ranked[0]])
        return replace(row, turns=turns, is_judged=True)
    chosen, rejected = (answers[text] for text in ranked)
    return replace(row, chosen=chosen, rejected=rejected, is_judged=False, unreadable="")


def _beyond(example: StoredExample, rated: Sequence[Turn]) -> str:
    """What of the example these rules do not cover; empty where they cover all."""
    if example["kind"] not in KNOWN_KINDS:
        return f"an example of kind {example['kind']}"
    return f"{len(rated)} rated answers" if len(rated) > 1 else ""


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
