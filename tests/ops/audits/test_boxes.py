"""The audit of boxes names what cannot be meant, and nothing else."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.boxes import AUDIT, BoxSettings, wanted_phrases
from ops.core.schemas import BOXES, EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.vision.colours import COLOURS
from ops.vision.regions import Phrase, RegionTable

SIDES = ("left", "top", "right", "bottom")
Corners = tuple[float | None, float | None, float | None, float | None]


def example(number: int, *texts: str, roles: tuple[str, ...] = ("user", "assistant")) -> dict[str, Any]:
    messages = [
        {"role": role, "parts": [{"type": "text", "text": text, "image_id": None}]}
        for role, text in zip(roles, texts, strict=True)
    ]
    row = dict.fromkeys(EXAMPLES.schema.names) | {"delivery": "d", "example_id": f"e{number}", "kind": "sft"}
    return row | {"messages": messages, "image_ids": [f"i{number}"]}


def box(number: int, corners: Corners, **more: Any) -> dict[str, Any]:
    row = dict.fromkeys(BOXES.schema.names) | dict(zip(SIDES, corners, strict=True))
    row |= {"delivery": "d", "example_id": f"e{number}", "ordinal": 0, "message": 1, "start": 0, "end": 0, "image": 0}
    row |= {"image_id": f"i{number}", "image_width_px": 200, "image_height_px": 100, "shape": "box", "phrase": "cat"}
    return row | {"convention": "pixels", "file_convention": "pixels", "looks": "pixels", "notation": "json"} | more


def measured(examples: list[Any], boxes: list[Any], regions: RegionTable | None = None, **chosen: Any) -> list[Any]:
    none = Vectors.of([], np.zeros((0, 0)))
    table = pa.Table.from_pylist(examples, schema=EXAMPLES.schema)
    held = {"boxes": pa.Table.from_pylist(boxes, schema=BOXES.schema)} | ({"regions": regions} if regions else {})
    rows = AUDIT.measure(RowInputs(table, none, none, none, none, **held), BoxSettings(**chosen))
    return rows.to_pylist()


@pytest.mark.parametrize(
    ("corners", "faults"),
    [
        ((10, 10, 50, 50), {}),
        ((0, 0, 200, 100), {}),
        ((-1, 0, 201, 100), {}),
        ((150, 10, 250, 50), {"outside_share": 0.25}),
        ((10, -50, 20, 50), {"outside_share": 0.5}),
        ((50, 10, 10, 50), {"is_swapped": True}),
        ((10, 50, 50, 10), {"is_swapped": True}),
        ((10, 10, 10.5, 50), {"is_empty": True}),
        ((10, 10, 10, 10), {"is_empty": True}),
    ],
)
def test_a_box_that_cannot_be_meant_has_its_fault(corners: Corners, faults: dict[str, Any]):
    (row,) = measured([example(0, "Where?", "[...]")], [box(0, corners)])
    sound = {"outside_share": 0.0, "is_swapped": False, "is_empty": False, "duplicate_of": None}
    assert {name: row[name] for name in sound} == sound | faults
    assert (row["abstained"], row["turn"], row["is_other_convention"]) == (False, 0, False)


def test_a_point_is_neither_empty_nor_swapped_and_may_lie_outside():
    points = [box(0, (10, 10, 10, 10), shape="point"), box(0, (300, 10, 300, 10), shape="point", ordinal=1)]
    rows = measured([example(0, "Where?", "[...]")], points)
    assert [(row["is_empty"], row["is_swapped"], row["outside_share"]) for row in rows] == [
        (False, False, 0.0),
        (False, False, 0.5),
    ]


def test_without_pixels_it_abstains_and_says_why():
    unknown = box(0, (None,) * 4, convention="unknown", file_convention="unknown", looks=None)
    no_image = box(1, (None,) * 4, image_id=None, image=None)
    rows = measured([example(n, "Where?", "[...]") for n in range(2)], [unknown, no_image])
    assert [(row["why"], row["outside_share"], row["is_other_convention"]) for row in rows] == [
        ("the scale of its numbers is unknown", None, None),
        ("no one image is meant", None, False),
    ]


def test_a_box_of_another_scale_than_its_file_is_named():
    others = [
        box(0, (1, 2, 3, 4), convention="unit", looks="unit"),
        box(1, (1, 2, 3, 4), looks="thousand"),
        box(2, (1, 2, 3, 4), looks=None),
    ]
    rows = measured([example(n, "Where?", "[...]") for n in range(3)], others)
    assert [row["is_other_convention"] for row in rows] == [True, True, None]


def test_the_same_thing_twice_in_one_answer_is_a_duplicate():
    first = (10, 10, 90, 90)
    boxes = [
        box(0, first),
        box(0, (10.5, 10, 90, 90), ordinal=1),
        box(0, first, ordinal=2, phrase="dog"),
        box(0, first, ordinal=3, message=0),
        box(0, (50, 10, 90, 90), ordinal=4),
    ]
    rows = measured([example(0, "Where?", "[...]")], boxes)
    assert [row["duplicate_of"] for row in rows] == [None, 0, None, None, None]
    assert [row["turn"] for row in rows] == [0, 0, 0, None, 0]


def test_a_pair_that_says_the_same_of_the_same_place_is_no_pair():
    def pair(rejected: str, corners: Corners) -> Any:
        roles = ("user", "chosen", "rejected")
        texts = ("Where?", "<box>(1,1),(2,2)</box> here", rejected)
        sides = [
            box(0, (10, 10, 20, 20), start=5, end=16),
            box(0, corners, ordinal=1, message=2, start=5, end=5 + rejected[5:].index("<")),
        ]
        rows = measured([example(0, *texts, roles=roles)], sides)
        return [row["is_same_pair"] for row in rows]

    assert pair("<box>(100,100),(199,201)</box> here", (10, 10, 19.9, 20.1)) == [True, None]
    assert pair("<box>(100,100),(199,201)</box> there", (10, 10, 19.9, 20.1)) == [False, None]
    assert pair("<box>(100,100),(400,400)</box> here", (10, 10, 40, 40)) == [False, None]


def test_a_phrase_that_is_seen_elsewhere_is_named_where_the_encoder_is_heard():
    texts = [f"<ref>a cat</ref><box>({n},1),(2,2)</box>" for n in range(40)]
    examples = [example(n, "Where?", text) for n, text in enumerate(texts)]
    boxes = [box(n, (20, 10, 60, 30), phrase="a cat") for n in range(40)]
    beside = [box(0, (1, 2, 3, 4), message=None, notation=name, phrase="dog") for name in ("objects", "columns")]
    phrases = wanted_phrases(pa.Table.from_pylist([*boxes, beside[1]], schema=BOXES.schema))
    assert phrases == sorted((Phrase(f"i{n}", "cat") for n in range(40)), key=lambda phrase: phrase.image_id)
    assert wanted_phrases(pa.Table.from_pylist(beside, schema=BOXES.schema)) == [Phrase("i0", "dog")]

    def regions(wrong: int) -> RegionTable:
        places = [(0.5, 0.5, 1.0, 1.0) if n < wrong else (0.0, 0.0, 0.4, 0.4) for n in range(40)]
        keys = [Phrase(f"i{n}", "cat").key for n in range(40)]
        blank = bytes(8 * len(COLOURS))
        return RegionTable.of(keys, places, [(0.3, 5.0, 2.0)] * 40, [blank] * 40)

    heard = measured(examples, boxes, regions(2))
    assert [row["example_id"] for row in heard if row["is_elsewhere"]] == ["e0", "e1"]
    assert {round(row["region_agreed_share"], 2) for row in heard} == {0.95}
    unheard = measured(examples, boxes, regions(20))
    assert {row["is_elsewhere"] for row in unheard} == {None}
    few = measured(examples, boxes, regions(2), fewest_regions=41)
    assert {row["is_elsewhere"] for row in few} == {None}
    unsure = measured(examples, boxes, regions(2), least_fit=6.0)
    assert {row["is_elsewhere"] for row in unsure} == {None}
