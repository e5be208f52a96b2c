"""Boxes that came as ms-swift's `objects` go back as such: what is read of the row that is written is what was read."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.boxes.objects import BBOX, REF, with_objects
from ops.boxes.rewriting import BoxRewritingError
from ops.formats.boxes import with_boxes
from ops.formats.registry import all_formats
from ops.intake.row import Row
from ops.intake.rows import IngestSettings, check_row
from ops.text.placeholders import placeholder_text
from tests.support.examples import examples

PIECES = st.sampled_from([BBOX, REF, "a cat", " and ", "[1, 2, 3, 4]", "<bbox", "dog", "\n", "Here: "])
PHRASES = st.sampled_from(["a cat", "dog", "cat", "a", "the left one"])
NUMBERS = st.floats(0, 900, width=16) | st.integers(0, 900)
SWIFT = st.lists(st.tuples(*[NUMBERS] * 4) | st.tuples(NUMBERS, NUMBERS), max_size=3)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A conversation, a judged one or a pair, with as many objects as it has placeholders, or more boxes."""
    texts = [
        "".join(draw(st.lists(PIECES, min_size=1, max_size=5))) + "." for _ in range(draw(st.sampled_from([2, 4])))
    ]
    texts[0] = "<image>" * draw(st.integers(1, 2)) + texts[0]
    images = [f"{number}.png" for number in range(texts[0].count("<image>"))]
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
    form = draw(st.sampled_from(["messages", "kto", "rejected_response"]))
    # Boxes beside a pair's texts may have phrases that no one list has room for; such a pair is refused.
    beside = form != "rejected_response"
    row: dict[str, Any] = {"messages": turns, "images": images}
    row["objects"] = draw(objects(texts, len(images), beside=beside))
    if form == "kto":
        row["label"] = draw(st.booleans())
    elif form == "rejected_response":
        row["rejected_response"] = "".join(draw(st.lists(PIECES, min_size=1, max_size=5))) + "."
        sides = [*texts[:-1], row["rejected_response"]]
        # The prompt of the rejected side is that of the chosen one, with its phrases and boxes.
        held = draw(objects(sides, len(images), beside=False))
        shared = {name: sum(text.count(tag) for text in texts[:-1]) for name, tag in (("ref", REF), ("bbox", BBOX))}
        both = {name: row["objects"][name][:count] + held[name][count:] for name, count in shared.items()}
        image_ids = row["objects"]["image_id"][: shared["bbox"]] + held["image_id"][shared["bbox"] :]
        row["rejected_objects"] = both | {"bbox_type": row["objects"]["bbox_type"], "image_id": image_ids}
    return row


@st.composite
def objects(draw: st.DrawFn, texts: list[str], images: int, *, beside: bool) -> dict[str, Any]:
    refs = [draw(PHRASES) for text in texts for _ in range(text.count(REF))]
    boxes = [draw(st.tuples(*[NUMBERS] * draw(st.sampled_from([2, 4])))) for t in texts for _ in range(t.count(BBOX))]
    boxes += draw(SWIFT) if beside else []
    if draw(st.booleans()):  # as many phrases as boxes, where a reader takes the last for boxes of no placeholder
        refs += [draw(PHRASES) for _ in range(len(boxes) - len(refs))]
    kind = draw(st.sampled_from(["real", "norm1"]))
    where = [draw(st.integers(0, images - 1)) for _ in boxes]
    return {"ref": refs, "bbox": [list(box) for box in boxes], "bbox_type": kind, "image_id": where}


def read(row: dict[str, Any]) -> Row:
    form = "kto" if "label" in row else "rejected_response" if "rejected_messages" in row else "messages"
    form = "rejected_response" if "rejected_response" in row else form
    return with_boxes(check_row(all_formats()[form].parse(row), IngestSettings()))


def stored(row: Row) -> list[dict[str, Any]]:
    """The boxes as the lake has them, as far as what writes them looks."""
    names = ("message", "start", "end", "image", "phrase", "notation", "convention")
    return [{name: getattr(box, name) for name in names} | {"delivered": list(box.numbers)} for box in row.boxes]


def written(row: Row) -> dict[str, Any]:
    """The row as ms-swift's, with placeholders."""
    texts = [[part.text for part in message.parts] for message in row.messages]
    pair = row.messages[-1].role == "rejected"
    made = with_objects(texts, stored(row), range(len(row.images)), pair=pair)
    turns = [
        {
            "role": message.role if message.role in ("user", "assistant") else "assistant",
            "content": placeholder_text(parts),
        }
        for message, parts in zip(row.messages, made.texts, strict=True)
    ]
    sides = [side.cell() for side in made.sides]
    record: dict[str, Any] = {"images": [image.path for image in row.images], "objects": sides[0] if sides else None}
    if pair:
        record |= {"messages": turns[:-1], "rejected_messages": [*turns[:-2], turns[-1]]}
        return record | {"rejected_objects": sides[-1] if sides else None}
    label = {"label": row.judgements[0].label == "good"} if row.judgements else {}
    return record | {"messages": turns} | label


@given(row=rows())
@settings(deadline=None, max_examples=examples(300))
def test_what_is_written_is_read_as_it_was(row: dict[str, Any]):
    first = read(row)
    second = read(written(first))
    assert [(m.role, m.text) for m in second.messages] == [(m.role, m.text) for m in first.messages]
    assert stored(second) == stored(first)


def test_a_literal_placeholder_is_none():
    row = {"messages": [{"role": "user", "content": "<image>Where?"}, {"role": "assistant", "content": "<bbox>"}]}
    first = read({**row, "images": ["a.png"], "objects": {"ref": [], "bbox": [[1, 2, 3, 4]]}})
    record = written(first)
    assert record["messages"][1]["content"] == BBOX
    record["messages"][0]["content"] += " <bbox>"
    texts = [["What is <bbox> and <ref-object>?"], ["[1, 2, 3, 4]"]]
    (box,) = stored(first)
    made = with_objects(texts, [box], [0], pair=False)
    assert made.texts == [["What is <bbox > and <ref-object >?"], [BBOX]]


def test_a_box_whose_place_is_not_known_is_not_written():
    box = {"notation": "objects", "message": 0, "start": 0, "end": 1, "image": 0, "phrase": None, "delivered": [1, 2]}
    unknown = box | {"convention": "unknown", "left": None, "top": None, "right": None, "bottom": None}
    with pytest.raises(BoxRewritingError, match="scale or image is not known"):
        with_objects([["x"]], [unknown], [0], pair=False)
    resized = unknown | {"convention": "resized 10x10", "left": 4.5, "top": 3.0, "right": 4.5, "bottom": 3.0}
    (side,) = with_objects([["x"]], [resized], [0], pair=False).sides
    assert (side.boxes, side.bbox_type) == (((4.5, 3.0),), "real")
    with pytest.raises(BoxRewritingError, match="no turn of the prompt shows"):
        with_objects([["x"]], [box | {"convention": "pixels"}], [None], pair=False)
    with pytest.raises(BoxRewritingError, match="phrase does not stand before it"):
        with_objects([["x"]], [box | {"convention": "pixels", "phrase": "a cat"}], [0], pair=False)
