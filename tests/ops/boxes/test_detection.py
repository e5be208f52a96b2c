"""The scale of a file's boxes is told from many rows, never from few, and not at the cost of faulty boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ops.boxes.conventions import PLAIN, UNKNOWN, Size, from_pixels
from ops.boxes.detection import FileConvention
from ops.boxes.file_boxes import FileEvidence, box_rows

SIZES = [Size(640, 480), Size(480, 640), Size(640, 427), Size(500, 375), Size(1600, 1200)]


def row(rng: np.random.Generator, convention: str, *, boxes: int = 2, faulty: float = 0.0) -> tuple[list[Any], Size]:
    """Boxes of things anywhere in an image, of a tenth to a half of its sides; faulty ones leave it."""
    size = SIZES[rng.integers(len(SIZES))]
    made: list[Any] = []
    for _ in range(boxes):
        width, height = (rng.uniform(0.1, 0.5) * side for side in (size.width, size.height))
        left, top = rng.uniform(0, size.width - width), rng.uniform(0, size.height - height)
        if rng.random() < faulty:
            left += size.width
        numbers = from_pixels([left, top, left + width, top + height], convention, size)
        made.append({"numbers": list(numbers or ()), "image": 0, "notation": "json", "convention": None})
    return made, size


def by_numbers(rows: Sequence[tuple[list[Any], Size]], chosen: str | None = None) -> FileConvention:
    evidence = FileEvidence()
    for boxes, size in rows:
        evidence.add(boxes, ["a"], {"a": size})
    return evidence.scales(chosen)["json"].by_numbers


@pytest.mark.parametrize("convention", PLAIN)
@pytest.mark.parametrize("seed", range(5))
def test_clean_files_are_told(convention: str, seed: int):
    rng = np.random.default_rng(seed)
    read = by_numbers([row(rng, convention) for _ in range(60)])
    assert (read.convention, read.weights) == (convention, None), read.evidence


@pytest.mark.parametrize("seed", range(5))
def test_faulty_boxes_are_no_other_convention(seed: int):
    rng = np.random.default_rng(seed)
    read = by_numbers([row(rng, "pixels", faulty=0.05) for _ in range(100)])
    assert (read.convention, read.weights) == ("pixels", None), read.evidence


@pytest.mark.parametrize("convention", ["pixels", "thousand"])
def test_one_row_is_not_enough_and_one_of_shares_is(convention: str):
    boxes = [{"numbers": [10, 20, 110, 220], "image": 0, "notation": "json", "convention": None}]
    assert by_numbers([(boxes, Size(640, 480))]).convention == UNKNOWN
    boxes[0]["numbers"] = [0.1, 0.2, 0.3, 0.4]
    assert by_numbers([(boxes, Size(640, 480))]).convention == "unit"


@pytest.mark.parametrize("pair", [("pixels", "unit"), ("thousand", "unit"), ("pixels", "thousand")])
@pytest.mark.parametrize("seed", range(3))
def test_two_conventions_are_told_apart_row_by_row(pair: tuple[str, str], seed: int):
    rng = np.random.default_rng(seed)
    rows = [(row(rng, pair[n % 2], boxes=4), pair[n % 2]) for n in range(200)]
    evidence = FileEvidence()
    for (boxes, size), _ in rows:
        evidence.add(boxes, ["a"], {"a": size})
    scales = evidence.scales(None)
    assert scales["json"].by_numbers.weights is not None, scales["json"].evidence
    read = [
        (box_rows(delivered(boxes), ["a"], {"a": size}, scales)[0]["convention"], own) for (boxes, size), own in rows
    ]
    assert sum(convention not in (own, UNKNOWN) for convention, own in read) <= 0.02 * len(read)
    if "unit" in pair:
        assert sum(convention == UNKNOWN for convention, _ in read) <= 0.02 * len(read)


def delivered(boxes: list[Any]) -> list[Any]:
    return [{"message": 1, "start": 0, "end": 1, "phrase": None} | box for box in boxes]


def test_a_name_decides_and_what_the_numbers_look_like_is_kept():
    rng = np.random.default_rng(1)
    rows = [row(rng, "thousand") for _ in range(60)]
    evidence = FileEvidence()
    for boxes, size in rows:
        evidence.add(boxes, ["a"], {"a": size})
    scales = evidence.scales("pixels")
    (boxes, size) = rows[0]
    read = box_rows(delivered(boxes), ["a"], {"a": size}, scales, "pixels")[0]
    assert (read["convention"], read["file_convention"], read["looks"]) == ("pixels", "pixels", "thousand")
    assert read["evidence"].startswith("named by drop.yaml; the numbers look otherwise: 120 boxes of 60 rows: thousand")
    assert [read[side] for side in ("left", "top", "right", "bottom")] == boxes[0]["numbers"]


def test_parts_of_a_file_say_together_what_the_file_says():
    rng = np.random.default_rng(2)
    rows = [row(rng, "thousand") for _ in range(40)]
    parts = [FileEvidence(), FileEvidence()]
    for n, (boxes, size) in enumerate(rows):
        parts[n % 2].add(boxes, ["a"], {"a": size})
    parts[0].join(parts[1])
    assert parts[0].scales(None)["json"].by_numbers == by_numbers(rows)


def test_lists_of_shares_are_boxes_where_nearly_all_have_their_corners_in_order():
    def scales(lists: list[list[float]]) -> set[str]:
        evidence = FileEvidence()
        for numbers in lists:
            box = {"numbers": numbers, "image": 0, "notation": "list", "convention": None}
            evidence.add([box], ["a"], {"a": SIZES[0]})
        return set(evidence.scales(None))

    assert scales([[0.1, 0.2, 0.3, 0.4], [0.25, 0.1, 0.75, 0.9]]) == {"list"}
    assert scales([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]) == set()
