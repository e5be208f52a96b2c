"""Texts with the numbers of their boxes on another scale; everything between the numbers stays as it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    joined = "".join(texts)
    spanned = sorted((box for box in boxes if box["start"] is not None), key=lambda box: box["start"])
    swaps = [
        Swap(box["start"], box["end"], _numbers(joined[box["start"] : box["end"]], box, convention)) for box in spanned
    ]
    return [text or "" for text in swapped_parts(texts, swaps)]


@dataclass(frozen=True, slots=True)
class Swap:
    """A text in place of the characters `start` to `end` of a message."""

    start: int
    end: int
    text: str


def swapped_parts(
    parts: Sequence[str | None], swaps: Sequence[Swap], kept: Callable[[str], str] = str
) -> list[str | None]:
    """The parts of a message (null of a picture) with texts swapped, which are given in their order; `kept` is done to
    all between them. Raises `BoxRewritingError` where one reaches over two parts, or into another."""
    written: list[str | None] = []
    offset = 0
    waiting = list(reversed(swaps))
    for part in parts:
        if part is None:
            written.append(None)
            continue
        pieces: list[str] = []
        end = 0
        while waiting and waiting[-1].end <= offset + len(part):
            swap = waiting.pop()
            if swap.start - offset < end:
                raise BoxRewritingError("a box that reaches over two parts of a message")
            pieces += [kept(part[end : swap.start - offset]), swap.text]
            end = swap.end - offset
        written.append("".join([*pieces, kept(part[end:])]))
        offset += len(part)
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
