"""ms-swift's `objects`: the placeholders `<bbox>` and `<ref-object>` in texts, and beside the row what stands for them.

Its template writes each box as the model that is trained writes boxes, on that model's scale, whatever the row has them
on. `ops/formats/boxes.py` reads such rows; this puts rows that were read from them back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ops.boxes.conventions import PIXELS, UNIT
from ops.boxes.notations import OBJECTS
from ops.boxes.rewriting import Box, BoxRewritingError, Swap, swapped_parts
from ops.core.json_values import Cell

BBOX = "<bbox>"
REF = "<ref-object>"
TYPES = {PIXELS: "real", UNIT: "norm1"}
"""What `bbox_type` calls a convention."""
Parts = Sequence[str | None]
"""The texts of a message part by part, null of a picture."""


@dataclass(frozen=True, slots=True)
class Objects:
    """What stands for the placeholders of a conversation, in their order; boxes that no placeholder asks for behind."""

    refs: tuple[str, ...]
    boxes: tuple[tuple[float, ...], ...]
    bbox_type: str
    images: tuple[int, ...]
    """Of each box, the number of its picture among those of the row."""

    def cell(self) -> dict[str, Cell]:
        """The field `objects`."""
        return {"ref": self.refs, "bbox": self.boxes, "bbox_type": self.bbox_type, "image_id": self.images}


@dataclass(frozen=True, slots=True)
class WithObjects:
    """The texts of all messages, and the objects of each side: one, or that of the chosen and of the rejected answer;
    none where the messages have no such boxes."""

    texts: Sequence[Parts]
    sides: tuple[Objects, ...] = ()


def with_objects(
    texts: Sequence[Parts], boxes: Sequence[Box], images: Sequence[int | None], *, pair: bool
) -> WithObjects:
    """The messages with placeholders for those of their boxes (schemas.BOXES) that came as `objects`.

    `images` has for each image of the example its number among the pictures of the row. Of a `pair` the last two
    messages are two answers to the rest. Raises `BoxRewritingError` where a box cannot be written so."""
    own = [box for box in boxes if box["notation"] == OBJECTS]
    if not own:
        return WithObjects(texts)
    loose = [box for box in own if box["message"] is None]
    spanned = sorted((box for box in own if box["message"] is not None), key=lambda box: (box["message"], box["start"]))
    joined = ["".join(text or "" for text in parts) for parts in texts]
    writers = _pair_writers(joined, spanned) if pair else [_Writer(joined).with_boxes(spanned)]
    swaps = writers[0].swaps | writers[-1].swaps
    written = [swapped_parts(parts, swaps.get(number, ()), kept=_escaped) for number, parts in enumerate(texts)]
    bbox_type = _bbox_type(own)
    behind = [loose, ()]  # boxes that stand in no text are those of the example, and so of its first side
    sides = [writer.objects(own, bbox_type, images) for writer, own in zip(writers, behind, strict=False)]
    return WithObjects(written, tuple(sides))


def _pair_writers(texts: Sequence[str], boxes: Sequence[Box]) -> "list[_Writer]":
    """The writers of the chosen and of the rejected side. A phrase of the prompt that one answer alone has boxes of is
    put there for both."""
    chosen, rejected = len(texts) - 2, len(texts) - 1

    def written(first: int, other: int) -> list[_Writer]:
        visible = ["" if number == other else text for number, text in enumerate(texts)]
        writer = _Writer(visible).with_boxes(box for box in boxes if box["message"] != other)
        branch = writer.branch(texts, chosen, other).with_boxes(box for box in boxes if box["message"] == other)
        return [writer, branch] if first == chosen else [branch, writer]

    try:
        return written(chosen, rejected)
    except BoxRewritingError:
        return written(rejected, chosen)


@dataclass(slots=True)
class _Writer:
    """Puts placeholders into texts, in the order in which a reader goes through them."""

    texts: Sequence[str]
    swaps: dict[int, list[Swap]] = field(default_factory=dict[int, list[Swap]])
    refs: list[str] = field(default_factory=list[str])
    boxes: list[Box] = field(default_factory=list[Box])
    cursor: tuple[int, int] = (0, 0)
    """The message and the character behind the last placeholder."""

    def with_boxes(self, boxes: Iterable[Box]) -> "_Writer":
        """The writer after boxes in the order of the texts, each with its phrase, unless that is the one named last."""
        for box in boxes:
            phrase, named = box["phrase"], self.refs[-1] if self.refs else None
            if phrase != named:
                self._name(phrase, box)
            self._swap(box["message"], Swap(box["start"], box["end"], BBOX))
            self.boxes.append(box)
        return self

    def branch(self, texts: Sequence[str], prompt: int, answer: int) -> "_Writer":
        """A writer of these texts that goes on from the first `prompt` messages with another answer than this did."""
        swaps = {number: list(swaps) for number, swaps in self.swaps.items() if number < prompt}
        named = sum(swap.text == REF for own in swaps.values() for swap in own)
        boxes = [box for box in self.boxes if box["message"] < prompt]
        return _Writer(texts, swaps, self.refs[:named], boxes, (answer, 0))

    def objects(self, loose: Sequence[Box], bbox_type: str, images: Sequence[int | None]) -> Objects:
        """What stands for the placeholders, and for `loose` boxes that stand in no text. Raises `BoxRewritingError`
        where their phrases are not those that a reader would take for them."""
        boxes = [*self.boxes, *loose]
        refs = list(self.refs)
        if any(box["phrase"] is not None for box in loose):
            # A reader takes phrases for them where there is one for each box.
            refs += [box["phrase"] or "" for box in boxes[len(refs) :]]
            if refs[len(self.boxes) :] != [box["phrase"] for box in loose]:
                raise BoxRewritingError("a box beside the texts whose phrase stands for another")
        elif loose and len(refs) == len(boxes):
            refs.append("")
        numbers = tuple(_numbers(box, bbox_type) for box in boxes)
        return Objects(tuple(refs), numbers, bbox_type, tuple(_image(box, images) for box in boxes))

    def _name(self, phrase: str | None, box: Box) -> None:
        """A placeholder for the phrase, where it stands nearest before its box."""
        if phrase is None:
            raise BoxRewritingError("a box of no phrase behind a phrase")
        message, start = self.cursor
        for number in range(box["message"], message - 1, -1):
            end = box["start"] if number == box["message"] else len(self.texts[number])
            place = self.texts[number].rfind(phrase, start if number == message else 0, end)
            if place >= 0:
                self._swap(number, Swap(place, place + len(phrase), REF))
                self.refs.append(phrase)
                return
        raise BoxRewritingError("a box whose phrase does not stand before it")

    def _swap(self, message: int, swap: Swap) -> None:
        self.swaps.setdefault(message, []).append(swap)
        self.cursor = (message, swap.end)


def _bbox_type(boxes: Sequence[Box]) -> str:
    """The type that all of them came with; pixels where they came with several, or with none that has a name."""
    conventions = {box["convention"] for box in boxes}
    return TYPES.get(conventions.pop(), TYPES[PIXELS]) if len(conventions) == 1 else TYPES[PIXELS]


def _numbers(box: Box, bbox_type: str) -> tuple[float, ...]:
    if TYPES.get(box["convention"]) == bbox_type:
        return tuple(box["delivered"])
    pixels = (box["left"], box["top"], box["right"], box["bottom"])[: len(box["delivered"])]
    if None in pixels:
        raise BoxRewritingError("a box whose scale or image is not known")
    return pixels


def _image(box: Box, images: Sequence[int | None]) -> int:
    if box["image"] is None:  # no image at all: the numbers are written as they are
        return 0
    number = images[int(box["image"])]
    if number is None:
        raise BoxRewritingError("a box in a picture that no turn of the prompt shows")
    return number


def _escaped(text: str) -> str:
    """A text in which nothing is taken for a placeholder."""
    for tag in (BBOX, REF):
        text = text.replace(tag, f"{tag[:-1]} >")
    return text
