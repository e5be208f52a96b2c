"""The texts of an example with its boxes as an export writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.boxes.notations import OBJECTS
from ops.boxes.objects import Objects, with_objects
from ops.boxes.rewriting import Box, BoxRewritingError, rewritten_parts
from ops.core.turns import CANDIDATE_ROLES
from resources.export.spool import read_spooled

Texts = Sequence[Sequence[str | None]]
"""The texts of messages, part by part, null of a picture."""


@dataclass(frozen=True, slots=True)
class BoxTexts:
    """The texts of all messages; what stands for placeholders in them, a side each; and why boxes cannot be written as
    asked: the texts are then as delivered."""

    texts: Texts
    objects: tuple[Objects, ...] = ()
    unwritable: str | None = None


def spooled_boxes(path: Path) -> dict[str, list[Box]]:
    """Rows of `boxes` by example."""
    by_example: dict[str, list[Box]] = {}
    for row in read_spooled(path).to_pylist() if path.exists() else ():
        by_example.setdefault(row["example_id"], []).append(row)
    return by_example


def box_texts(row: Mapping[str, Any], boxes: Sequence[Box], scale: str | None, *, turns_pictures: bool) -> BoxTexts:
    """The texts of an example's messages with its boxes on the scale, or as ms-swift's `objects`; as delivered where
    there is no scale. `turns_pictures`: whether who reads them turns pictures by EXIF, as the places of boxes have
    them."""
    delivered: Texts = [[part["text"] for part in message["parts"]] for message in row["messages"]]
    if scale is None or not boxes:
        return BoxTexts(delivered)
    try:
        if not turns_pictures and any(box["is_turned"] for box in boxes):
            raise BoxRewritingError("a box in a picture that EXIF turns and the trainer does not")
        return _as_objects(row, delivered, boxes) if scale == OBJECTS else BoxTexts(_rescaled(delivered, boxes, scale))
    except BoxRewritingError as problem:
        return BoxTexts(delivered, unwritable=f"{problem} cannot be written as {scale}")


def _rescaled(delivered: Texts, boxes: Sequence[Box], scale: str) -> Texts:
    by_message: dict[int, list[Box]] = {}
    for box in boxes:
        if box["message"] is not None:
            by_message.setdefault(box["message"], []).append(box)
    texts = list(delivered)
    for number, own in by_message.items():
        parts = iter(rewritten_parts([text for text in delivered[number] if text is not None], own, scale))
        texts[number] = [None if text is None else next(parts) for text in delivered[number]]
    return texts


def _as_objects(row: Mapping[str, Any], delivered: Texts, boxes: Sequence[Box]) -> BoxTexts:
    roles = [message["role"] for message in row["messages"]]
    candidates = sum(role in CANDIDATE_ROLES for role in roles)
    if candidates > 2 or (candidates == 2 and roles[-2:] != ["chosen", "rejected"]):
        raise BoxRewritingError("the boxes of several responses")
    written = with_objects(delivered, boxes, _picture_numbers(row), pair=candidates == 2)
    return BoxTexts(written.texts, written.sides)


def _picture_numbers(row: Mapping[str, Any]) -> list[int | None]:
    """Of each image of the example, its number among the pictures of the export's row: those that its turns show, in
    their order."""
    pictures = [
        part["image_id"]
        for message in row["messages"]
        if message["role"] not in CANDIDATE_ROLES
        for part in message["parts"]
        if part["type"] == "image"
    ]
    images: list[str] = row["image_ids"] or []
    if pictures == images:
        return list(range(len(images)))
    return [pictures.index(image) if image in pictures else None for image in images]
