"""Texts with the numbers of their boxes on another scale; everything between the numbers stays as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.boxes.conventions import Size, from_pixels
from ops.boxes.notations import NUMBER

Box = Mapping[str, Any]
"""A row of the table `boxes` (schemas.BOXES)."""


class BoxRewritingError(ValueError):
    """A box of a text that cannot be written on the scale asked for."""


def rewritten(text: str, boxes: Sequence[Box], convention: str) -> str:
    """A message's text with its boxes, those with a span, written in the convention. One that is on that scale stays as
    it was delivered. Raises `BoxRewritingError` where the scale of a box, or the size of its image, is not known."""
    return "".join(rewritten_parts([text], boxes, convention))


def rewritten_parts(texts: Sequence[str], boxes: Sequence[Box], convention: str) -> list[str]:
    """The same of a message whose text is in several parts, which pictures may stand between."""
    spanned = sorted((box for box in boxes if box["start"] is not None), key=lambda box: box["start"])
    written: list[str] = []
    offset = 0
    waiting = list(reversed(spanned))
    for text in texts:
        pieces: list[str] = []
        end = 0
        while waiting and waiting[-1]["end"] <= offset + len(text):
            box = waiting.pop()
            start, stop = box["start"] - offset, box["end"] - offset
            if start < end:
                raise BoxRewritingError("a box that reaches over two parts of a message")
            pieces += [text[end:start], _numbers(text[start:stop], box, convention)]
            end = stop
        written.append("".join([*pieces, text[end:]]))
        offset += len(text)
    if waiting:
        raise BoxRewritingError("a box that reaches over two parts of a message")
    return written


def _numbers(span: str, box: Box, convention: str) -> str:
    if box["convention"] == convention:
        return span
    width, height = box["image_width_px"], box["image_height_px"]
    pixels = (box["left"], box["top"], box["right"], box["bottom"])[: len(box["delivered"])]
    numbers = None if width is None or None in pixels else from_pixels(pixels, convention, Size(width, height))
    if numbers is None:
        raise BoxRewritingError("a box whose scale or image is not known")
    values = iter(numbers)
    return NUMBER.sub(lambda _: f"{next(values):.12g}", span)
