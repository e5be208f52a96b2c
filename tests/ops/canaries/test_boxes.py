"""Damaged boxes: each kind is found by the audit of boxes, and sound ones beside them are not."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.boxes.conventions import PLAIN, Size, from_pixels
from ops.boxes.file_boxes import FileEvidence, box_rows
from ops.canaries.boxes import BOX_FAULTS
from ops.canaries.damage import ROWS_EACH, Canaries, canaries
from ops.canaries.outcome import flagged_rows, outcomes
from ops.canaries.rows import MARK, Row
from ops.core.identity import image_id
from ops.core.schemas import BOXES, EXAMPLES
from ops.core.vectors import Vectors
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.evidence.inputs import RowInputs

ROWS = 200
_WHEN = ("outside_share >= 0.05", "is_swapped == true", "is_empty == true", "is_other_convention == true")
RULES = Policy(
    tuple(
        Rule(f"rule {n}", "boxes", (Condition.parse(when),), Action.HOLD, "faulty")
        for n, when in enumerate([*_WHEN, "is_elsewhere == true", "duplicate_of >= 0"])
    )
)
NOTHING = Vectors.of([], np.zeros((0, 0)))


def boxed(convention: str, rows: int = ROWS) -> tuple[pa.Table, pa.Table]:
    """Examples of one file with two boxes each, on that scale, and the table of their boxes."""
    drawn = np.random.default_rng(0)
    examples: list[Row] = []
    delivered: list[list[Row]] = []
    sizes: dict[str, Size] = {}
    for n in range(rows):
        image, size = image_id(f"{n}".encode()), Size(int(drawn.integers(400, 1600)), int(drawn.integers(300, 1200)))
        sizes[image] = size
        delivered.append([])
        for phrase in ("cup", "dog"):
            width, height = (float(drawn.uniform(0.1, 0.4) * side) for side in (size.width, size.height))
            left, top = (float(drawn.uniform(0, s - w)) for s, w in ((size.width, width), (size.height, height)))
            numbers = from_pixels([left, top, left + width, top + height], convention, size)
            place = {"message": 1, "start": 0, "end": 9, "image": 0, "notation": "json", "phrase": phrase}
            delivered[-1].append(place | {"numbers": list(numbers or ()), "convention": None})
        picture = {"type": "image", "text": None, "image_id": image}
        spoken = {"type": "text", "text": "boxes of a cup and a dog", "image_id": None}
        messages = [{"role": "user", "parts": [picture]}, {"role": "assistant", "parts": [spoken]}]
        row: Row = {"delivery": "d", "example_id": f"{n:04}", "messages": messages, "image_ids": [image], "kind": "sft"}
        examples.append(row | {"source_id": f"{n}", "dataset": "one", "provenance": {"file": "a.json", "row": n}})
    evidence = FileEvidence()
    for row, boxes in zip(examples, delivered, strict=True):
        evidence.add(boxes, row["image_ids"], sizes)
    scales = evidence.scales(None)
    table = [
        {"delivery": "d", "example_id": row["example_id"], **box}
        for row, boxes in zip(examples, delivered, strict=True)
        for box in box_rows(boxes, row["image_ids"], sizes, scales)
    ]
    return (
        pa.Table.from_pylist(examples, schema=EXAMPLES.schema),
        pa.Table.from_pylist(table, schema=BOXES.schema),
    )


def caught(examples: pa.Table, boxes: pa.Table, made: Canaries) -> tuple[dict[str, int], int]:
    """By fault the canaries that rules on boxes act on, and the own rows that they act on."""
    audit = all_audits()["boxes"]
    every = pa.concat_tables([examples, made.of(audit.faults)])
    inputs = RowInputs(every, NOTHING, NOTHING, NOTHING, NOTHING, boxes=pa.concat_tables([boxes, made.boxes]))
    measures = {"boxes": audit.measure(inputs, audit.settings)}
    flagged = flagged_rows(every, measures, RULES)
    by_fault = {o.fault: o.caught for o in outcomes(made.faults, flagged, RULES, [audit]) if o.audit == "boxes"}
    return by_fault, sum(bool(rules) for name, rules in flagged.items() if not name.startswith(MARK))


@pytest.mark.parametrize("convention", PLAIN)
def test_each_kind_is_made_and_found_where_no_encoder_is_needed(convention: str) -> None:
    examples, boxes = boxed(convention)
    made = canaries(examples, boxes, each=100)
    planted = Counter(made.faults.values())
    assert all(planted[fault] == ROWS // ROWS_EACH for fault in BOX_FAULTS)
    by_fault, own = caught(examples, boxes, made)
    caught_all = {fault: by_fault[fault] for fault in ("box_empty", "box_outside", "box_swapped", "box_twice")}
    assert set(caught_all.values()) == {ROWS // ROWS_EACH}, caught_all
    assert by_fault["box_moved"] == 0  # no encoder says where the phrases are
    assert own == 0


def test_shares_of_the_sides_in_a_file_of_pixels_are_found() -> None:
    examples, boxes = boxed("pixels")
    by_fault, _ = caught(examples, boxes, canaries(examples, boxes, each=100))
    assert by_fault["box_rescaled"] >= ROWS // ROWS_EACH // 3


def test_moved_boxes_stay_in_their_image_and_leave_their_place() -> None:
    examples, boxes = boxed("pixels")
    made = canaries(examples, boxes, each=100)
    own = {(row["example_id"], row["ordinal"]): row for row in boxes.to_pylist()}
    moved = [box for box in made.boxes.to_pylist() if made.faults[box["example_id"]] == "box_moved"]
    pairs = [(box, own[box["example_id"].rsplit("-", 1)[1], box["ordinal"]]) for box in moved]
    elsewhere = [(box, was) for box, was in pairs if (box["left"], box["top"]) != (was["left"], was["top"])]
    assert len(elsewhere) == ROWS // ROWS_EACH
    for box, was in elsewhere:
        assert 0 <= box["left"] < box["right"] <= box["image_width_px"]
        assert 0 <= box["top"] < box["bottom"] <= box["image_height_px"]
        across, down = abs(box["left"] - was["left"]), abs(box["top"] - was["top"])
        assert across >= 0.3 * (box["image_width_px"]) - 1 or down >= 0.3 * (box["image_height_px"]) - 1


def test_rows_without_boxes_have_no_canaries_of_boxes() -> None:
    examples, boxes = boxed("pixels", rows=60)
    made = canaries(examples, boxes.slice(0, 0), each=10)
    assert not set(BOX_FAULTS) & set(made.faults.values())
    assert made.boxes.num_rows == 0
