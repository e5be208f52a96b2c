"""Boxes that are damaged: moved within their image or out of it, with corners in the wrong order, without an extent,
drawn twice, or on another scale than their file. They are read as ingest reads boxes; the text stays as it is, for the
audit of boxes looks at their table."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ops.boxes.conventions import PLAIN, UNKNOWN, Size, from_pixels
from ops.boxes.detection import FileConvention
from ops.boxes.file_boxes import FileEvidence, FileScale, box_rows
from ops.boxes.geometry import Corners
from ops.canaries.rows import Row, drawn, marked

RESCALED = "box_rescaled"
_LEAST_PX = 8.0
_MOST_SHARE = 0.5  # of a side of the image, for a box that is moved
Place = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BoxedRow:
    """A row with its boxes (schemas.BOXES), all read on the scale of their file, and the place among them of one that
    lies well within its image."""

    row: Row
    boxes: tuple[Row, ...]
    damaged: int

    @property
    def corners(self) -> Corners:
        """Where that one lies, in pixels."""
        return _corners(self.boxes[self.damaged])

    @property
    def size(self) -> Size:
        """Of its image."""
        return _size(self.boxes[self.damaged])

    @property
    def file(self) -> str | None:
        """The file that the row came from."""
        provenance = self.row["provenance"]
        return provenance["file"] if provenance else None


def boxed_rows(rows: Sequence[Row], boxes: Sequence[Row]) -> list[BoxedRow]:
    """Those of the rows with boxes that can be damaged, and their boxes."""
    held: defaultdict[str, list[Row]] = defaultdict(list)
    for box in sorted(boxes, key=lambda box: box["ordinal"]):
        held[box["example_id"]].append(box)
    boxed: list[BoxedRow] = []
    for row in rows:
        mine = held.get(row["example_id"], [])
        sound = [place for place, box in enumerate(mine) if _is_sound(box)]
        if sound and all(box["convention"] == box["file_convention"] for box in mine):
            boxed.append(BoxedRow(row, tuple(mine), drawn(row, "box", sound)))
    return boxed


def damaged_box(boxed: BoxedRow, fault: str) -> tuple[Row, list[Row]]:
    """The row as a canary, and its boxes with one damaged."""
    box = boxed.boxes[boxed.damaged]
    numbers = from_pixels(_DAMAGES[fault](boxed.corners, boxed.size), str(box["convention"]), boxed.size)
    delivered = [_delivered(drawing) for drawing in boxed.boxes]
    if numbers is not None:
        if fault == "box_twice":
            delivered.insert(boxed.damaged, dict(delivered[boxed.damaged]))
        else:
            delivered[boxed.damaged]["numbers"] = list(numbers)
    scales = {
        str(drawing["notation"]): _scale(FileConvention(str(drawing["file_convention"]), str(drawing["evidence"])))
        for drawing in boxed.boxes
    }
    canary = marked(boxed.row, fault)
    return canary, _read(canary, boxed, delivered, scales)


def rescaled_boxes(chosen: Sequence[BoxedRow], every: Sequence[BoxedRow]) -> list[tuple[Row, list[Row]]]:
    """The chosen rows as canaries whose boxes are on another scale. The scale of a file is told from all of its rows,
    these among them, as ingest tells it; `every` are all of the rows with boxes."""
    damaged = [(boxed, [_rescaled(boxed, box) for box in boxed.boxes]) for boxed in chosen]
    evidence: defaultdict[str | None, FileEvidence] = defaultdict(FileEvidence)
    sound = [(boxed, [_delivered(box) for box in boxed.boxes]) for boxed in every]
    for boxed, delivered in (*sound, *damaged):
        evidence[boxed.file].add(delivered, boxed.row["image_ids"], _sizes(boxed))
    scales = {file: whole.scales(None) for file, whole in evidence.items()}
    canaries = [(marked(boxed.row, RESCALED), boxed, delivered) for boxed, delivered in damaged]
    return [(row, _read(row, boxed, delivered, scales[boxed.file])) for row, boxed, delivered in canaries]


def _moved(box: Corners, size: Size) -> Place:
    """To the far side of the image, along the side that leaves most room."""
    across, down = size.width - box.width, size.height - box.height
    left, top = box.left, box.top
    if across / size.width >= down / size.height:
        left = across if box.left < across / 2 else 0.0
    else:
        top = down if box.top < down / 2 else 0.0
    return left, top, left + box.width, top + box.height


def _outside(box: Corners, size: Size) -> Place:
    """By half of the box over the right edge, and no less than a tenth of the image."""
    left = size.width + max(0.1 * size.width, box.width / 2) - box.width
    return left, box.top, left + box.width, box.bottom


def _swapped(box: Corners, _: Size) -> Place:
    return box.right, box.top, box.left, box.bottom


def _empty(box: Corners, _: Size) -> Place:
    return box.left, box.top, box.left, box.bottom


def _same(box: Corners, _: Size) -> Place:
    return box.left, box.top, box.right, box.bottom


_DAMAGES: Mapping[str, Callable[[Corners, Size], Place]] = {
    "box_empty": _empty,
    "box_moved": _moved,
    "box_outside": _outside,
    "box_swapped": _swapped,
    "box_twice": _same,
}
BOX_FAULTS = (*_DAMAGES, RESCALED)


def _rescaled(boxed: BoxedRow, box: Row) -> Row:
    """The box as its numbers are on the scale that is drawn for the row; as it is where its pixels are not known."""
    delivered = _delivered(box)
    if box["left"] is not None:
        other = drawn(boxed.row, RESCALED, [name for name in PLAIN if name != boxed.boxes[0]["convention"]])
        place = [box["left"], box["top"], box["right"], box["bottom"]][: len(box["delivered"])]
        delivered["numbers"] = list(from_pixels(place, other, _size(box)) or box["delivered"])
    return delivered


def _delivered(box: Row) -> Row:
    kept = {name: box[name] for name in ("message", "start", "end", "image", "notation", "phrase")}
    return {**kept, "numbers": list(box["delivered"]), "convention": None}


def _read(canary: Row, boxed: BoxedRow, delivered: Sequence[Row], scales: Mapping[str, FileScale]) -> list[Row]:
    names = {name: canary[name] for name in ("delivery", "example_id")}
    return [names | row for row in box_rows(delivered, canary["image_ids"], _sizes(boxed), scales)]


def _scale(convention: FileConvention) -> FileScale:
    return FileScale(convention, convention.evidence)


def _is_sound(box: Row) -> bool:
    """Whether it is a box in order, neither tiny nor as wide or high as most of its image, and in no way outside."""
    if box["shape"] != "box" or box["left"] is None or box["convention"] == UNKNOWN:
        return False
    corners, size = _corners(box), _size(box)
    if box["right"] <= box["left"] or box["bottom"] <= box["top"] or corners.beyond(size.width, size.height):
        return False
    sides = ((corners.width, size.width), (corners.height, size.height))
    return all(_LEAST_PX <= side <= _MOST_SHARE * whole for side, whole in sides)


def _corners(box: Row) -> Corners:
    return Corners.ordered(box["left"], box["top"], box["right"], box["bottom"])


def _size(box: Row) -> Size:
    return Size(box["image_width_px"], box["image_height_px"])


def _sizes(boxed: BoxedRow) -> dict[str, Size]:
    return {box["image_id"]: _size(box) for box in boxed.boxes if box["image_id"] and box["image_width_px"]}
