"""The boxes of a file of rows: what its shards delivered, on which scale they are, and the table `boxes` of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.boxes.conventions import PLAIN, UNKNOWN, Size, to_pixels
from ops.boxes.detection import (
    FileConvention,
    commonest,
    file_convention,
    is_list_of_boxes,
    named,
    row_convention,
    row_evidence,
)
from ops.boxes.notations import LIST
from ops.core.schemas import BOXES

#: A box as a row delivered it; see `ops.intake.row.RowBox`.
DELIVERED_BOX = pa.struct(
    [
        ("message", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("image", pa.int32()),
        ("numbers", pa.list_(pa.float64())),
        ("notation", pa.string()),
        ("convention", pa.string()),
        ("phrase", pa.string()),
    ]
)
Boxes = Sequence[Mapping[str, Any]]
Sizes = Mapping[str, Size]


@dataclass(frozen=True, slots=True)
class FileScale:
    """How the boxes of one file and notation are read: what their numbers look like (`by_numbers`), and why they are
    read as they are, be it that a person or the format names it."""

    by_numbers: FileConvention
    evidence: str


@dataclass(slots=True)
class FileEvidence:
    """What the rows of a file say of the scale of its boxes, notation by notation; rows are added in any order. They
    are counted by what they say, to a tenth of a nat, so that files of any length take the same room."""

    rows: dict[str, Counter[tuple[float, ...]]] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    ordered: int = 0
    conventions: dict[str, set[str]] = field(default_factory=dict)

    def add(self, boxes: Boxes, image_ids: Sequence[str], sizes: Sizes) -> None:
        """One more row."""
        for notation, mine in _by_notation(boxes).items():
            evidence = tuple(round(value, 1) for value in _evidence(mine, image_ids, sizes))
            self.rows.setdefault(notation, Counter())[evidence] += 1
            self.boxes[notation] = self.boxes.get(notation, 0) + len(mine)
            names = {box["convention"] for box in mine if box["convention"]}
            self.conventions.setdefault(notation, set()).update(names)
            if notation == LIST:
                self.ordered += sum(_is_ordered(box["numbers"]) for box in mine)

    def join(self, other: "FileEvidence") -> None:
        """The rows of another part of the file."""
        self.ordered += other.ordered
        for notation, rows in other.rows.items():
            self.rows.setdefault(notation, Counter()).update(rows)
            self.boxes[notation] = self.boxes.get(notation, 0) + other.boxes[notation]
            self.conventions.setdefault(notation, set()).update(other.conventions[notation])

    def scales(self, chosen: str | None) -> dict[str, FileScale]:
        """How each notation's boxes are read; `chosen` is the convention that the drop's sender names for the file.
        Without the notation whose lists are no boxes."""
        scales: dict[str, FileScale] = {}
        for notation in sorted(self.rows):
            boxes = self.boxes[notation]
            if notation == LIST and not is_list_of_boxes(self.ordered, boxes):
                continue
            by_numbers = file_convention(self.rows[notation], notation, boxes=boxes)
            names = self.conventions[notation]
            if chosen:
                scales[notation] = FileScale(by_numbers, named(chosen, "drop.yaml", by_numbers))
            elif len(names) == 1:
                scales[notation] = FileScale(by_numbers, named(next(iter(names)), f"the row's {notation}", by_numbers))
            else:
                scales[notation] = FileScale(by_numbers, by_numbers.evidence)
        return scales


def box_table(
    rows: pa.Table, examples: pa.Table, *, sizes: Sizes, scales: Mapping[str, FileScale], chosen: str | None
) -> pa.Table:
    """The table `boxes` (schemas.BOXES) of rows with `boxes` and `image_ids`; `examples` gives their names."""
    if not scales:
        return BOXES.schema.empty_table()
    columns = (rows["boxes"], rows["image_ids"], examples["example_id"], examples["delivery"])
    table: list[dict[str, Any]] = []
    for boxes, images, example, delivery in zip(*(column.to_pylist() for column in columns), strict=True):
        if boxes:
            name = {"delivery": delivery, "example_id": example}
            table += [name | row for row in box_rows(boxes, images, sizes, scales, chosen)]
    return pa.Table.from_pylist(table, schema=BOXES.schema)


def box_rows(
    boxes: Boxes, image_ids: Sequence[str], sizes: Sizes, scales: Mapping[str, FileScale], chosen: str | None = None
) -> list[dict[str, Any]]:
    """The rows of the table `boxes` (schemas.BOXES) for one example, without its name."""
    looks = {
        notation: row_convention(_evidence(mine, image_ids, sizes), scales[notation].by_numbers)
        for notation, mine in _by_notation(boxes).items()
        if notation in scales
    }
    kept = [box for box in boxes if box["notation"] in scales]
    return [
        {"ordinal": number, **_box_row(box, image_ids, sizes, scales[box["notation"]], looks[box["notation"]], chosen)}
        for number, box in enumerate(kept)
    ]


def _box_row(
    box: Mapping[str, Any], image_ids: Sequence[str], sizes: Sizes, scale: FileScale, looks: str, chosen: str | None
) -> dict[str, Any]:
    named_here = chosen or box["convention"]
    convention = named_here or looks
    image_id = None if box["image"] is None else str(image_ids[box["image"]])
    size = sizes.get(image_id or "")
    pixels = None if size is None else to_pixels(box["numbers"], convention, size)
    corners = (None,) * 4 if pixels is None else (*pixels, *pixels)[:4]
    return {
        **{name: box[name] for name in ("message", "start", "end", "image", "phrase", "notation")},
        "image_id": image_id,
        "image_width_px": None if size is None else size.width,
        "image_height_px": None if size is None else size.height,
        "shape": "point" if len(box["numbers"]) == 2 else "box",
        **dict(zip(("left", "top", "right", "bottom"), corners, strict=True)),
        "delivered": list(box["numbers"]),
        "convention": convention,
        "file_convention": named_here or scale.by_numbers.convention,
        "looks": looks if looks != UNKNOWN and convention in (*PLAIN, UNKNOWN) else None,
        "evidence": scale.evidence,
    }


def _evidence(boxes: Boxes, image_ids: Sequence[str], sizes: Sizes) -> tuple[float, ...]:
    known = [sizes[image] for image in image_ids if image in sizes]
    return row_evidence([(box["numbers"], _size(box, image_ids, sizes) or commonest(known)) for box in boxes])


def _size(box: Mapping[str, Any], image_ids: Sequence[str], sizes: Sizes) -> Size | None:
    return None if box["image"] is None else sizes.get(str(image_ids[box["image"]]))


def _by_notation(boxes: Boxes) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for box in boxes:
        grouped.setdefault(box["notation"], []).append(box)
    return grouped


def _is_ordered(numbers: Iterable[float]) -> bool:
    left, top, right, bottom = numbers
    return left < right and top < bottom
