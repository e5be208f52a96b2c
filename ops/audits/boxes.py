"""Boxes that cannot be meant, or that are meant otherwise than the rest of their file.

One row a box or point that a row of the data has in its texts or beside them (the table `boxes`), in pixels of the
upright image, whatever scale it came in (`convention`). `turn` is the number of the answer that it stands in, null of
one in a question or beside the texts.

- `outside_share`: how far it reaches out of the image, as a share of the side that it leaves; 0 inside, to a pixel.
- `is_swapped`: its right lies left of its left, or its bottom above its top.
- `is_empty`: less than a pixel wide or high. A point is neither swapped nor empty.
- `duplicate_of`: the number of an earlier box of the same message, image and phrase that lies where this one does.
- `is_other_convention`: its numbers are on another scale than those of its file, or than the row or `drop.yaml` names:
  `looks` is the scale that they look like, `file_convention` that of the file. It is told from all boxes of its row
  (ops/boxes/detection.py); a few boxes of which nothing tells are not other.
- `is_same_pair`: it stands in the chosen answer of a pair whose rejected one says the same words of the same places, to
  `same_px`, whatever scale each is written on: there is nothing to prefer.
- Where its phrase has its place in the picture, for encoders that can tell (ops/vision/regions.py), of phrases that a
  text speaks of or ms-swift's `objects` name: `region` is that place (left, top, right, bottom as shares of the sides),
  `region_fit` and `region_margin` how sure it is. It counts from `least_fit` and `least_margin` on. `is_elsewhere` says
  that its centre lies in no box of that phrase and picture, nor half a side beside one; it is only said where at least
  `agreement` of the delivery's places that count, and `fewest_regions` of them, do (`region_agreed_share`): an encoder
  that points elsewhere throughout is not heard.

It abstains (`why`) where the scale is unknown, or which image is meant. Then only what needs no pixels is measured.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Fit, Grain, Scope
from ops.audits.ranges import ANY, COUNT, SHARE, column
from ops.boxes.conventions import UNKNOWN
from ops.boxes.example_boxes import Box, ExampleBoxes
from ops.boxes.geometry import Corners
from ops.boxes.notations import OBJECTS
from ops.core.arrow import is_in, rows_where, sorted_by, whole
from ops.evidence.inputs import RowInputs
from ops.vision.regions import Phrase

_LEAST_PX = 1.0
_LONGEST_PHRASE = 60


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """`audits.boxes` in assay.yaml."""

    same_overlap: float = 0.95
    """Intersection over union from which two boxes lie in the same place."""
    same_px: float = 2.0
    """Pixels by which the sides of two boxes of a pair may differ where they are the same."""
    least_fit: float = 3.5
    """Standard deviations by which a phrase must fit its place better than everyday things do."""
    least_margin: float = 1.0
    """Those by which it must fit there better than in the rest of the picture."""
    agreement: float = 0.8
    """Share of the places that must lie in their boxes for the rest to be named."""
    fewest_regions: int = 30
    """Places below which none is named."""

    def __post_init__(self) -> None:
        if not 0 < self.same_overlap <= 1 or not 0.5 <= self.agreement <= 1 or self.same_px < 0:
            raise ValueError(
                "same_overlap must lie between 0 and 1, agreement between 0.5 and 1, and same_px be at least 0, but "
                f"are {self.same_overlap}, {self.agreement} and {self.same_px}"
            )


COLUMNS = pa.schema(
    [
        column("abstained", pa.bool_()),
        column("why", pa.string()),
        column("turn", pa.int32(), COUNT),
        column("phrase", pa.string()),
        column("shape", pa.string()),  # box | point
        column("notation", pa.string()),
        column("convention", pa.string()),
        column("file_convention", pa.string()),
        column("looks", pa.string()),
        column("is_other_convention", pa.bool_()),
        column("outside_share", pa.float64(), COUNT),
        column("is_swapped", pa.bool_()),
        column("is_empty", pa.bool_()),
        column("duplicate_of", pa.int32(), COUNT),
        column("is_same_pair", pa.bool_()),
        column("region", pa.list_(pa.float32()), SHARE),
        column("region_fit", pa.float32(), ANY),
        column("region_margin", pa.float32(), ANY),
        column("region_agreed_share", pa.float32(), SHARE),
        column("is_elsewhere", pa.bool_()),
    ]
)
Row = dict[str, Any]


def wanted_phrases(boxes: pa.Table) -> list[Phrase]:
    """The phrases of boxes, with their pictures; not those of detection's columns, which no text speaks of."""
    rows = boxes.select(["image_id", "phrase", "message", "notation"]).to_pylist()
    named = [row for row in rows if row["message"] is not None or row["notation"] == OBJECTS]
    phrases = {phrase for row in named if (phrase := _phrase(row["image_id"], row["phrase"]))}
    return sorted(phrases, key=lambda phrase: (phrase.image_id, phrase.thing))


@dataclass(frozen=True, slots=True)
class Places:
    """Where phrases of boxes surely are: how many such places there are, and how many lie near a box of the phrase."""

    sure: int
    near: int

    @classmethod
    def of(cls, pointed: Iterable[bool | None]) -> "Places":
        """From whether each place is near, null where it is not sure."""
        sure = [is_near for is_near in pointed if is_near is not None]
        return cls(len(sure), sum(sure))


def measure(inputs: RowInputs, settings: BoxSettings) -> pa.Table:
    """One row a box of the examples."""
    rows: list[Row] = []
    pointed: list[bool | None] = []
    for held in _boxed(inputs):
        for row, (place, is_near) in zip(_geometry(held, settings), _point(held, inputs, settings), strict=True):
            rows.append(row | place)
            pointed.append(is_near)
    _hear(rows, pointed, inputs.fitted or Places.of(pointed), settings)
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _sketch(inputs: RowInputs, settings: BoxSettings) -> Places:
    return Places.of(is_near for held in _boxed(inputs) for _, is_near in _point(held, inputs, settings))


def _merge(parts: Iterable[Places], settings: BoxSettings) -> Places:
    every = list(parts)
    return Places(sum(part.sure for part in every), sum(part.near for part in every))


def _boxed(inputs: RowInputs) -> Iterator[ExampleBoxes]:
    """The examples that have boxes, with these."""
    names = whole(inputs.examples, "example_id")
    boxes = rows_where(inputs.boxes, is_in(inputs.boxes["example_id"], names))
    by_example: defaultdict[str, list[Row]] = defaultdict(list)
    for box in sorted_by(boxes, "example_id", "ordinal").to_pylist():
        by_example[box["example_id"]].append(box)
    for example in inputs.examples.select(["example_id", "messages"]).to_pylist():
        if example["example_id"] in by_example:
            yield ExampleBoxes(example["messages"] or [], by_example[example["example_id"]])


def _geometry(held: ExampleBoxes, settings: BoxSettings) -> list[Row]:
    """What the boxes of an example say by themselves."""
    duplicates = held.duplicates(settings.same_overlap)
    is_same_pair = held.is_same_pair(settings.same_px)
    rows: list[Row] = []
    for place, (box, corners) in enumerate(zip(held.boxes, held.corners, strict=True)):
        message: int | None = box["message"]
        is_chosen = message is not None and held.messages[message]["role"] == "chosen"
        rows.append(
            {
                **{name: box[name] for name in ("delivery", "example_id", "phrase", "shape", "notation")},
                **{name: box[name] for name in ("convention", "file_convention", "looks")},
                "box": box["ordinal"],
                "turn": None if message is None else held.turns.get(message),
                "is_other_convention": _is_other(box),
                "is_same_pair": is_same_pair if is_chosen else None,
                "duplicate_of": duplicates.get(place),
                **_placed(box, corners),
            }
        )
    return rows


def _placed(box: Box, corners: Corners | None) -> Row:
    """What the pixels say of one box."""
    if corners is None:
        unknown = "the scale of its numbers is unknown" if box["convention"] == UNKNOWN else "no one image is meant"
        return {"abstained": True, "why": unknown}
    is_box = box["shape"] == "box"
    width, height = box["image_width_px"], box["image_height_px"]
    outside = corners.beyond(width, height)
    return {
        "abstained": False,
        "outside_share": 0.0 if outside * max(width, height) <= _LEAST_PX else outside,
        "is_swapped": is_box and (box["right"] < box["left"] or box["bottom"] < box["top"]),
        "is_empty": is_box and min(corners.width, corners.height) < _LEAST_PX,
    }


def _is_other(box: Box) -> bool | None:
    looks, usual = box["looks"], box["file_convention"]
    return None if looks is None or usual == UNKNOWN else looks != usual


def _point(held: ExampleBoxes, inputs: RowInputs, settings: BoxSettings) -> Iterator[tuple[Row, bool | None]]:
    """Where the encoder sees each box's phrase, and whether that is near a box of the phrase, null where it does not
    surely see it."""
    near: dict[Phrase, bool] = {}
    for box, corners in zip(held.boxes, held.corners, strict=True):
        phrase = _phrase(box["image_id"], box["phrase"])
        region = None if phrase is None or corners is None else inputs.regions.get(phrase)
        if phrase is None or region is None:
            yield {}, None
            continue
        if phrase not in near:
            left, top, right, bottom = region.box
            centre = (left + right) / 2 * box["image_width_px"], (top + bottom) / 2 * box["image_height_px"]
            near[phrase] = held.near(box["image_id"], box["phrase"], *centre)
        is_sure = region.fit >= settings.least_fit and region.margin >= settings.least_margin
        place = {"region": list(region.box), "region_fit": region.fit, "region_margin": region.margin}
        yield place, near[phrase] if is_sure else None


def _hear(rows: Sequence[Row], pointed: Sequence[bool | None], places: Places, settings: BoxSettings) -> None:
    """Says which boxes' phrases are elsewhere, where enough of the delivery's places agree with their boxes."""
    share = places.near / places.sure if places.sure else 0.0
    is_heard = places.sure >= settings.fewest_regions and share >= settings.agreement
    for row, is_near in zip(rows, pointed, strict=True):
        if is_near is not None:
            row |= {"region_agreed_share": share, "is_elsewhere": not is_near if is_heard else None}


def _phrase(image_id: str | None, phrase: str | None) -> Phrase | None:
    if not image_id or not phrase or len(phrase) > _LONGEST_PHRASE:
        return None
    words = phrase.strip().lower().split()
    bare = words[1:] if words and words[0] in ("a", "an", "the") else words
    return Phrase(image_id, " ".join(bare)) if bare else None


AUDIT = Audit(
    name="boxes",
    title="Boxes that cannot be meant",
    grain=Grain.BOX,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    fit=Fit(_sketch, _merge),
    settings=BoxSettings(),
    box_phrases=wanted_phrases,
    uses_vectors=True,
    uses_boxes=True,
    faults=("box_empty", "box_moved", "box_outside", "box_rescaled", "box_swapped", "box_twice"),
    revision=2,
)
