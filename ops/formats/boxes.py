"""Boxes that a row has beside its texts: ms-swift's `objects`, and COCO's columns.

ms-swift writes `<ref-object>` and `<bbox>` and keeps in `objects` what stands there: `ref`, `bbox` (two corners, or one
point), `bbox_type` (`real`: pixels of the image as it is; `norm1`: shares of its sides) and `image_id`. These are put
into the text in their order, a box as `[x1, y1, x2, y2]`, so that two answers that differ in a box differ.

COCO's columns, as detection sets on the Hugging Face hub have them, are an `objects` of `bbox` (x, y, width and height
in pixels) and `category`, as an object of lists or a list of objects.

Boxes that models write into their texts stay as they are; `ops.boxes.notations` finds them there."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ops.boxes.conventions import PIXELS, UNIT
from ops.boxes.notations import COLUMNS, OBJECTS, marked_boxes
from ops.core.json_values import Cell, Fields, fields_of
from ops.formats import fields
from ops.intake.row import Row, RowBox, RowError

_PLACE = re.compile("<ref-object>|<bbox>")
_TYPES = {"real": PIXELS, "norm1": UNIT}
_CATEGORIES = ("category", "categories", "label", "name", "category_name")
Contents = Sequence[tuple[str, Cell]]


def readable(objects: Cell) -> bool:
    """Whether `objects` is what ms-swift writes under that name."""
    return isinstance(objects, Mapping) and ("bbox" in objects or "ref" in objects) and not _is_coco(objects)


def expand(messages: Contents, objects: Cell, *, images: int) -> tuple[list[tuple[str, Cell]], tuple[RowBox, ...]]:
    """Messages of (role, content) with the placeholders of ms-swift filled from `objects`, and the boxes."""
    if not isinstance(objects, Mapping) or not readable(objects):
        return list(messages), ()
    filler = _Filler(objects, images)
    filled = [(role, filler.content(content, number)) for number, (role, content) in enumerate(messages)]
    return filled, (*filler.boxes, *filler.left_over())


def pair_boxes(chosen: Sequence[RowBox], rejected: Sequence[RowBox], prompt: int) -> tuple[RowBox, ...]:
    """The boxes of a prompt of so many messages and of its two answers, which are one message each."""
    sides = [_placed(chosen, prompt, prompt), _placed(rejected, prompt, prompt + 1)]
    return (*sides[0], *(box for box in sides[1] if box.message == prompt + 1))


def with_boxes(row: Row) -> Row:
    """A row as it will be kept with every box of its record: those that its format read, COCO's columns among its
    metadata, and those in its texts."""
    beside = row.boxes or tuple(_column_boxes(row.metadata.get("objects"), len(row.images)))
    located = _Locator(row).located(beside) if beside else []
    spans = _Spans(located)
    boxes = [*located, *(box for box in _text_boxes(row) if not spans.overlap(box))]
    return replace(row, boxes=tuple(boxes)) if boxes else row


class _Filler:
    """Gives the placeholders, in their order, what `objects` holds for them."""

    def __init__(self, objects: Fields, images: int) -> None:
        self.refs = [str(ref) for ref in _listed(objects, "ref")]
        self.values = [_numbers(box) for box in _listed(objects, "bbox")]
        self.image_numbers = _listed(objects, "image_id")
        self.images = images
        kind = objects.get("bbox_type") or "real"
        convention = _TYPES.get(kind) if isinstance(kind, str) else None
        if convention is None:
            raise RowError("field_type", f"objects.bbox_type is {str(kind)[:40]!r}, not real or norm1")
        self.convention = convention
        self.boxes: list[RowBox] = []
        self.named = 0

    def content(self, content: Cell, message: int) -> Cell:
        """A message's content with its placeholders filled, whether it is a text or a list of parts."""
        if isinstance(content, str):
            return _PLACE.sub(lambda place: self._fill(place[0], message), content)
        if not isinstance(content, list | tuple):
            return content
        return [self._part(part, message) for part in content]

    def left_over(self) -> list[RowBox]:
        """Boxes that no placeholder asked for."""
        refs = self.refs if len(self.refs) == len(self.values) else [None] * len(self.values)
        return [self._box(None, place, refs[place]) for place in range(len(self.boxes), len(self.values))]

    def _part(self, part: Cell, message: int) -> Cell:
        if isinstance(part, str):
            return self.content(part, message)
        text = fields_of(part).get("text")
        return {**fields_of(part), "text": self.content(text, message)} if isinstance(text, str) else part

    def _fill(self, placeholder: str, message: int) -> str:
        if placeholder == "<ref-object>":
            self.named += 1
            if self.named > len(self.refs):
                raise RowError("placeholder_mismatch", f"objects.ref has {len(self.refs)}: one <ref-object> more")
            return self.refs[self.named - 1]
        place = len(self.boxes)
        if place >= len(self.values):
            raise RowError("placeholder_mismatch", f"objects.bbox has {len(self.values)}: one <bbox> more")
        box = self._box(message, place, self.refs[self.named - 1] if self.named else None)
        self.boxes.append(box)
        return box.text or ""

    def _box(self, message: int | None, place: int, phrase: str | None) -> RowBox:
        image = self.image_numbers[place] if place < len(self.image_numbers) else 0
        if not isinstance(image, int) or not 0 <= image < max(self.images, 1):
            raise RowError("field_type", f"objects.image_id names image {str(image)[:40]} of {self.images}")
        numbers = self.values[place]
        text = f"[{', '.join(f'{value:.12g}' for value in numbers)}]"
        return RowBox(
            numbers,
            OBJECTS,
            message,
            image if self.images else None,
            phrase,
            self.convention,
            None if message is None else text,
        )


class _Locator:
    """Where in the row's texts boxes stand that were written there while it was read, looked for in their order."""

    def __init__(self, row: Row) -> None:
        self.texts = [message.text for message in row.messages]
        # Turns that were merged or left out have other numbers than when the boxes were written.
        self.moved = "turn_order" in row.repairs
        self.cursors = [0] * len(self.texts)

    def located(self, boxes: Sequence[RowBox]) -> list[RowBox]:
        """The boxes with their spans. One whose text is gone stands beside the texts."""
        return [self._located(box) if box.text is not None else box for box in boxes]

    def _located(self, box: RowBox) -> RowBox:
        messages = range(len(self.texts)) if self.moved or box.message is None else (box.message,)
        for message in messages:
            start = self.texts[message].find(box.text or "", self.cursors[message])
            if start >= 0:
                end = start + len(box.text or "")
                self.cursors[message] = end
                return replace(box, message=message, start=start, end=end)
        return replace(box, message=None)


def _text_boxes(row: Row) -> Iterator[RowBox]:
    image = 0 if len(row.images) == 1 else None
    for number, message in enumerate(row.messages):
        for box in marked_boxes(message.text):
            yield RowBox(box.numbers, box.notation, number, image, box.phrase, start=box.start, end=box.end)


class _Spans:
    """Where boxes stand in the messages; those of a message do not overlap."""

    def __init__(self, boxes: Sequence[RowBox]) -> None:
        self.spans: dict[int | None, list[tuple[int, int]]] = {}
        for box in boxes:
            if box.start is not None and box.end is not None:
                self.spans.setdefault(box.message, []).append((box.start, box.end))

    def overlap(self, box: RowBox) -> bool:
        """Whether the box's numbers are those of one of them."""
        spans = self.spans.get(box.message, [])
        place = bisect_left(spans, (box.end or 0, 0))
        return place > 0 and spans[place - 1][1] > (box.start or 0)


def _is_coco(objects: Fields) -> bool:
    return "bbox" in objects and "ref" not in objects and any(name in objects for name in _CATEGORIES)


def _column_boxes(objects: Cell, images: int) -> Iterator[RowBox]:
    """The boxes of COCO's columns. Whatever else is called `objects` is metadata, and no error."""
    for box, category in _columns(objects):
        numbers = _floats(box)
        if numbers is None or len(numbers) != 4:
            continue
        left, top, width, height = numbers
        phrase = category if isinstance(category, str) else None
        corners = (left, top, left + width, top + height)
        yield RowBox(corners, COLUMNS, None, 0 if images == 1 else None, phrase, PIXELS)


def _columns(objects: Cell) -> Iterator[tuple[Cell, Cell]]:
    if isinstance(objects, Mapping) and _is_coco(objects) and isinstance(objects["bbox"], list | tuple):
        names = next(objects[name] for name in _CATEGORIES if name in objects)
        boxes = objects["bbox"]
        names = names if isinstance(names, list | tuple) and len(names) == len(boxes) else [None] * len(boxes)
        yield from zip(boxes, names, strict=True)
    elif isinstance(objects, list | tuple):
        for item in objects:
            if isinstance(item, Mapping) and "bbox" in item:
                yield item["bbox"], next((item[name] for name in _CATEGORIES if name in item), None)


def _placed(boxes: Sequence[RowBox], prompt: int, answer: int) -> list[RowBox]:
    return [box if box.message is None or box.message < prompt else replace(box, message=answer) for box in boxes]


def _listed(objects: Fields, name: str) -> list[Cell]:
    return fields.list_field(objects, name) if objects.get(name) else []


def _floats(box: Cell) -> list[float] | None:
    """The numbers of a box; None where it is no list of finite ones."""
    if not isinstance(box, list | tuple):
        return None
    numbers = [
        float(value)
        for value in box
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]
    return numbers if len(numbers) == len(box) else None


def _numbers(box: Cell) -> tuple[float, ...]:
    numbers = _floats(box)
    if numbers is None or len(numbers) not in (2, 4):
        raise RowError("field_type", f"objects.bbox holds {str(box)[:60]}: a box has two or four numbers")
    return tuple(numbers)
