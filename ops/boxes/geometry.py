"""Where boxes lie: in their image, and over each other."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Corners:
    """A box of an upright image in pixels, its corners in order, or a point, whose corners are one."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def ordered(cls, left: float, top: float, right: float, bottom: float) -> "Corners":
        """From two opposite corners, whichever they are."""
        return cls(min(left, right), min(top, bottom), max(left, right), max(top, bottom))

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return self.width * self.height

    def beyond(self, width: float, height: float) -> float:
        """How far the box reaches out of an image of this size, as a share of the side that it leaves; 0 inside."""
        across = max(-self.left, self.right - width, 0.0) / width
        down = max(-self.top, self.bottom - height, 0.0) / height
        return max(across, down)

    def widened(self) -> "Corners":
        """The box with half its sides around it."""
        across, down = self.width / 2, self.height / 2
        return Corners(self.left - across, self.top - down, self.right + across, self.bottom + down)

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies in the box, its edges included."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def overlap(first: Corners, second: Corners) -> float:
    """The boxes' intersection over their union, 0 to 1; of boxes without area 1 where they are the same."""
    if first == second:
        return 1.0
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (first.area + second.area - shared)


def is_same(first: Corners, second: Corners, tolerance_px: float) -> bool:
    """Whether no side of the two is farther apart than the tolerance."""
    sides = ("left", "top", "right", "bottom")
    return all(abs(getattr(first, side) - getattr(second, side)) <= tolerance_px for side in sides)


def skeleton(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A text without the numbers of its boxes, whose spans are given in order, and without white space: what two
    answers have in common that say the same of other places."""
    pieces: list[str] = []
    end = 0
    for start, stop in spans:
        pieces += [text[end:start], "\0"]
        end = stop
    return "".join("".join([*pieces, text[end:]]).split())
