"""The boxes of one example, held against each other and against its texts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ops.boxes.geometry import Corners, is_same, overlap, skeleton
from ops.core.stored import StoredMessage
from ops.core.turns import ANSWERS, message_text

_COMPARED = 200
"""Boxes of a phrase that each is held against, the nearest before it."""
Box = Mapping[str, Any]


@dataclass(frozen=True)
class ExampleBoxes:
    """An example's messages (schemas.EXAMPLES) and its boxes (schemas.BOXES), in their order."""

    messages: Sequence[StoredMessage]
    boxes: Sequence[Box]

    @cached_property
    def corners(self) -> list[Corners | None]:
        """Where each box lies, its corners in order; null where that is not known."""
        return [
            None if box["left"] is None else Corners.ordered(box["left"], box["top"], box["right"], box["bottom"])
            for box in self.boxes
        ]

    @cached_property
    def turns(self) -> dict[int, int]:
        """The numbers of the answers, by their place among the messages."""
        answers = [place for place, message in enumerate(self.messages) if message["role"] in ANSWERS]
        return {place: number for number, place in enumerate(answers)}

    def duplicates(self, least_overlap: float) -> dict[int, int]:
        """Of each place whose box lies where an earlier one of the same message, image, phrase and shape does, the
        number of that one."""
        earlier: defaultdict[tuple[Any, ...], list[tuple[int, Corners]]] = defaultdict(list)
        repeated: dict[int, int] = {}
        for place, (box, corners) in enumerate(zip(self.boxes, self.corners, strict=True)):
            if corners is None:
                continue
            alike = earlier[tuple(box[name] for name in ("message", "image", "phrase", "shape"))]
            for number, other in alike[-_COMPARED:]:
                if overlap(corners, other) >= least_overlap:
                    repeated[place] = number
                    break
            alike.append((box["ordinal"], corners))
        return repeated

    def is_same_pair(self, tolerance_px: float) -> bool | None:
        """Whether the chosen and the rejected answer say the same of the same places; null of what is no pair, and
        where the place of a box is not known."""
        sides = [self._side(role) for role in ("chosen", "rejected")]
        if sides[0] is None or sides[1] is None:
            return None
        (text, places), (other_text, other_places) = sides[0], sides[1]
        if text != other_text or len(places) != len(other_places):
            return False
        return all(is_same(*pair, tolerance_px) for pair in zip(places, other_places, strict=True))

    def near(self, image_id: str, phrase: str, x: float, y: float) -> bool:
        """Whether the point lies in a box of that phrase in that image, or half a side beside it."""
        return any(
            corners.widened().holds(x, y)
            for box, corners in zip(self.boxes, self.corners, strict=True)
            if corners is not None and (box["image_id"], box["phrase"]) == (image_id, phrase)
        )

    def _side(self, role: str) -> tuple[str, list[Corners]] | None:
        number = next((n for n, message in enumerate(self.messages) if message["role"] == role), None)
        if number is None:
            return None
        mine = [place for place, box in enumerate(self.boxes) if box["message"] == number]
        mine.sort(key=lambda place: self.boxes[place]["start"])
        places = [corners for place in mine if (corners := self.corners[place]) is not None]
        spans = [(self.boxes[place]["start"], self.boxes[place]["end"]) for place in mine]
        return (skeleton(message_text(self.messages[number]), spans), places) if len(places) == len(mine) else None
