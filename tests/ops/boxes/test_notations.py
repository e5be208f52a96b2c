"""Boxes in texts: which there are, where, and what is not one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.boxes.notations import NUMBER, marked_boxes

CASES: list[tuple[str, list[tuple[str, list[float], str | None]]]] = [
    (
        "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(221,423),(569,886)<|box_end|>",
        [("tokens", [221, 423, 569, 886], "a dog")],
    ),
    ("click(start_box='<|box_start|>(246,113)<|box_end|>')", [("tokens", [246, 113], None)]),
    (
        "<ref>dogs</ref><box>(1,2),(3,4)</box><box>(5,6),(7,8)</box> and <box>(9,9),(10,10)</box>",
        [("tags", [1, 2, 3, 4], "dogs"), ("tags", [5, 6, 7, 8], "dogs"), ("tags", [9, 9, 10, 10], None)],
    ),
    (
        "<ref>two</ref><box>[[1, 2, 3, 4], [5, 6, 7, 8]]</box>",
        [("tags", [1, 2, 3, 4], "two"), ("tags", [5, 6, 7, 8], "two")],
    ),
    (
        '[{"bbox_2d": [1, 2, 3, 4.5], "label": "house"}, {"label": "a \\"tree\\"", "bbox_2d": [5, 6, 7, 8]}]',
        [("json", [1, 2, 3, 4.5], "house"), ("json", [5, 6, 7, 8], 'a \\"tree\\"')],
    ),
    ('{"point_2d": [12, 34]}', [("json", [12, 34], None)]),
    ("The region [0.32, 0.08, 0.46, 0.25] shows it.", [("list", [0.32, 0.08, 0.46, 0.25], None)]),
    ("Probabilities 0.1, 0.2, 0.3, 0.4; codes [1, 2, 3, 4] and [0.1, 0.2, 0.3].", []),
    ("The box is open <box>wide</box>.", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=range(len(CASES)))
def test_boxes_of_a_text(text: str, expected: list[Any]):
    assert [(box.notation, list(box.numbers), box.phrase) for box in marked_boxes(text)] == expected


@pytest.mark.full
@given(st.lists(st.sampled_from([text for text, _ in CASES]) | st.text(max_size=20), max_size=6).map("".join))
def test_spans_hold_the_numbers_and_do_not_overlap(text: str):
    end = 0
    for box in marked_boxes(text):
        assert end <= box.start < box.end
        end = box.end
        assert tuple(float(number) for number in NUMBER.findall(text[box.start : box.end])) == box.numbers


@pytest.mark.parametrize("piece", ["<box>(", "[0.1, ", '"bbox": [1, ', "<ref>", "<|object_ref_start|>", "<box></box>"])
def test_hostile_texts_take_no_long_time(piece: str):
    assert marked_boxes(piece * 20_000) == []
