"""Boxes and the names of what they hold, in the syntaxes of the trainers.

ms-swift writes `<ref-object>` and `<bbox>` and keeps in `objects` what stands there: `ref`, `bbox` (two corners, or one
point), `bbox_type` (`real`: pixels of the image as it is; `norm1`: shares of its sides) and `image_id`. These are put
into the text in their order, a box as `[x1, y1, x2, y2]`, so that two answers that differ in a box differ. Models'
own syntaxes stay as they are: `<|box_start|>(x1,y1),(x2,y2)<|box_end|>` of Qwen2-VL, `<box>...</box>` of Qwen-VL and
InternVL, `"bbox_2d": [...]` of Qwen2.5-VL and Qwen3-VL.

Either way the metadata's `boxes` lists them: `message` (place in the row's messages), `image` (place among its images;
null where only the model knows), `box` (two or four numbers as delivered) and `convention`: `pixels`, `shares`, or
`unknown` where the syntax leaves it open."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ops.intake.row import Message, RowError

BOXES = "boxes"
_PLACE = re.compile("<ref-object>|<bbox>")
_CONVENTIONS = {"real": "pixels", "norm1": "shares"}
_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
_MARKED = re.compile(
    rf"<(?:\|box_start\||box)>(?P<marked>[\s\d.,()\[\]-]*)<(?:\|box_end\||/box)>"
    rf'|"bbox(?:_2d)?"\s*:\s*\[(?P<json>{_NUMBER}(?:,{_NUMBER}){{1,3}})\]'
)
_ONE = re.compile(r"-?\d+(?:\.\d+)?")
_HINTS = ("<|box_start|>", "<box>", '"bbox')


def readable(objects: Any) -> bool:
    """Whether `objects` is what ms-swift writes under that name."""
    return isinstance(objects, Mapping) and ("bbox" in objects or "ref" in objects)


def expand(said: Sequence[tuple[str, Any]], objects: Any, *, images: int) -> tuple[list[tuple[str, Any]], list[Any]]:
    """Messages of (role, content) with the placeholders of ms-swift filled from `objects`, and the boxes."""
    if not readable(objects):
        return list(said), []
    filler = _Filler(objects, images)
    filled = [(role, filler.content(content, number)) for number, (role, content) in enumerate(said)]
    return filled, [*filler.boxes, *filler.left_over()]


def of_pair(
    chosen: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]], prompt: int
) -> list[dict[str, Any]]:
    """The boxes of a prompt of so many messages and of its two answers, which are one message each."""
    sides = [_placed(chosen, prompt, prompt), _placed(rejected, prompt, prompt + 1)]
    return [*sides[0], *(box for box in sides[1] if box["message"] == prompt + 1)]


def marked_boxes(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The boxes that the messages' texts write in a model's own syntax."""
    boxes: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        text = message.text
        if not any(hint in text for hint in _HINTS):
            continue
        for match in _MARKED.finditer(text):
            numbers = [float(one) for one in _ONE.findall(match["marked"] or match["json"] or "")]
            step = 2 if len(numbers) == 2 else 4
            boxes += [
                _box(number, None, numbers[at : at + step], "unknown")
                for at in range(0, len(numbers) - step + 1, step)
                if numbers
            ]
    return boxes


class _Filler:
    """Gives the placeholders, in their order, what `objects` holds for them."""

    def __init__(self, objects: Mapping[str, Any], images: int) -> None:
        self.refs = [str(ref) for ref in objects.get("ref") or []]
        self.values = [_numbers(box) for box in objects.get("bbox") or []]
        self.shown = objects.get("image_id") or []
        self.images = images
        kind = objects.get("bbox_type") or "real"
        if kind not in _CONVENTIONS:
            raise RowError("field_type", f"objects.bbox_type is {str(kind)[:40]!r}, not real or norm1")
        self.convention = _CONVENTIONS[kind]
        self.boxes: list[dict[str, Any]] = []
        self.named = 0

    def content(self, content: Any, message: int) -> Any:
        """A message's content with its placeholders filled, whether it is a text or a list of parts."""
        if isinstance(content, str):
            return _PLACE.sub(lambda place: self._fill(place[0], message), content)
        if not isinstance(content, list | tuple):
            return content
        return [self._part(part, message) for part in content]

    def left_over(self) -> list[dict[str, Any]]:
        """Boxes that no placeholder asked for."""
        return [self._box(None, place) for place in range(len(self.boxes), len(self.values))]

    def _part(self, part: Any, message: int) -> Any:
        if isinstance(part, str):
            return self.content(part, message)
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            return {**part, "text": self.content(part["text"], message)}
        return part

    def _fill(self, placeholder: str, message: int) -> str:
        if placeholder == "<ref-object>":
            self.named += 1
            if self.named > len(self.refs):
                raise RowError("placeholder_mismatch", f"objects.ref has {len(self.refs)}: one <ref-object> more")
            return self.refs[self.named - 1]
        place = len(self.boxes)
        if place >= len(self.values):
            raise RowError("placeholder_mismatch", f"objects.bbox has {len(self.values)}: one <bbox> more")
        self.boxes.append(self._box(message, place))
        return f"[{', '.join(f'{value:.12g}' for value in self.values[place])}]"

    def _box(self, message: int | None, place: int) -> dict[str, Any]:
        image = self.shown[place] if place < len(self.shown) else 0
        if not isinstance(image, int) or not 0 <= image < max(self.images, 1):
            raise RowError("field_type", f"objects.image_id names image {str(image)[:40]} of {self.images}")
        return _box(message, image if self.images else None, self.values[place], self.convention)


def _placed(found: Sequence[Mapping[str, Any]], prompt: int, answer: int) -> list[dict[str, Any]]:
    numbers = [box["message"] for box in found]
    return [
        {**box, "message": number if number is None or number < prompt else answer}
        for box, number in zip(found, numbers, strict=True)
    ]


def _box(message: int | None, image: int | None, numbers: list[float], convention: str) -> dict[str, Any]:
    return {"message": message, "image": image, "box": numbers, "convention": convention}


def _numbers(box: Any) -> list[float]:
    numbers = [float(v) for v in box if isinstance(v, int | float)] if isinstance(box, list | tuple) else []
    if len(numbers) not in (2, 4) or len(numbers) != len(box):
        raise RowError("field_type", f"objects.bbox holds {str(box)[:60]}: a box has two or four numbers")
    return numbers
