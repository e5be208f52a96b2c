"""Boxes through ingest: read where they stand, told by all rows of their file, in pixels of the upright image."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ops.core.schemas import BOXES, EXAMPLES
from ops.core.turns import message_text
from ops.intake.drop_files import DropError
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.drops import content

pytestmark = pytest.mark.usefixtures("ray_session")
#: Width and height of the upright images; the second is stored lying, and turned by its EXIF orientation.
SIZES = {"wide.png": (400, 200), "tall.jpg": (200, 400)}


def make_drop(folder: Path, **files: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    Image.new("RGB", SIZES["wide.png"]).save(folder / "wide.png")
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", SIZES["tall.jpg"][::-1]).save(folder / "tall.jpg", exif=exif)
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def row(number: int, image: str, answer: str, **more: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": f"<image>Where is it? {number}"}
    return {"messages": [asked, {"role": "assistant", "content": answer}], "images": [image], "id": str(number), **more}


def tokens(number: int, image: str, box: tuple[float, ...]) -> dict[str, Any]:
    left, top, right, bottom = (f"{value:g}" for value in box)
    return row(number, image, f"<|box_start|>({left},{top}),({right},{bottom})<|box_end|> it is.")


def take(lake: Lake, drop: Path, **settings: Any) -> list[dict[str, Any]]:
    ingest(lake, drop, "boxes", settings=IngestSettings(**settings), progress=SilentProgress())
    named = {e["example_id"]: e for e in lake.read(EXAMPLES).to_pylist()}
    boxes = content(lake, BOXES, by=["example_id", "ordinal"])
    for box in boxes:
        example = named[box["example_id"]]
        box["id"] = example["source_id"]
        if box["message"] is not None:
            box["text"] = message_text(example["messages"][box["message"]])[box["start"] : box["end"]]
    return sorted(boxes, key=lambda box: (int(box["id"]), box["ordinal"]))


def corners(box: dict[str, Any]) -> list[float]:
    return [box[side] for side in ("left", "top", "right", "bottom")]


def test_boxes_are_in_pixels_of_the_upright_image_whatever_they_came_in(tmp_path: Path):
    swift = [
        row(0, "wide.png", "<ref-object><bbox>", objects={"ref": ["a cat"], "bbox": [[40, 50, 120, 100]]}),
        row(1, "tall.jpg", "<bbox>", objects={"bbox": [[0.1, 0.25, 0.5, 1]], "bbox_type": "norm1"}),
        row(2, "tall.jpg", "A cat.", objects={"bbox": [[0, 0, 20, 40]], "category": ["cat"]}),
    ]
    thousands = [tokens(10 + n, image, (100, 250, 700, 1000)) for n, image in enumerate(SIZES)]
    lake = Lake(tmp_path / "lake")
    boxes = take(lake, make_drop(tmp_path / "drop", swift=swift, thousands=thousands))

    assert [(box["id"], box["notation"], box["convention"], box["phrase"], box.get("text")) for box in boxes] == [
        ("0", "objects", "pixels", "a cat", "[40, 50, 120, 100]"),
        ("1", "objects", "unit", None, "[0.1, 0.25, 0.5, 1]"),
        ("2", "columns", "pixels", "cat", None),
        ("10", "tokens", "thousand", None, "100,250),(700,1000"),
        ("11", "tokens", "thousand", None, "100,250),(700,1000"),
    ]
    assert [corners(box) for box in boxes] == [
        [40, 50, 120, 100],
        [20, 100, 100, 400],
        [0, 0, 20, 40],
        [40, 50, 280, 200],
        [20, 100, 140, 400],
    ]
    assert [(box["image_width_px"], box["image_height_px"]) for box in boxes] == [
        SIZES[name] for name in ("wide.png", "tall.jpg", "tall.jpg", "wide.png", "tall.jpg")
    ]


@pytest.mark.full
def test_how_a_file_is_cut_decides_nothing(tmp_path: Path):
    rows = [tokens(n, list(SIZES)[n % 2], (100 + n, 250, 700 + n, 1000)) for n in range(60)]
    rows += [row(100 + n, "wide.png", f"{n} <bbox>" * 40, objects={"bbox": [[n, 1, 99, 99]] * 40}) for n in range(60)]
    drop = make_drop(tmp_path / "drop", rows=rows)
    read = [take(Lake(tmp_path / f"lake-{size}"), drop, shard_bytes=size) for size in (1 << 14, 1 << 30)]
    assert read[0] == read[1]
    assert len(read[0]) == 60 + 60 * 40


def test_the_convention_that_drop_yaml_names_counts_and_is_another_delivery(tmp_path: Path):
    drop = make_drop(tmp_path / "drop", rows=[tokens(0, "wide.png", (100, 100, 200, 200))])
    lake = Lake(tmp_path / "lake")
    (box,) = take(lake, drop)
    assert (box["convention"], corners(box)) == ("thousand", [40, 20, 80, 40])
    (drop / "drop.yaml").write_text("boxes: {'*.jsonl': resized 800x100}")
    named = next(box for box in take(lake, drop) if box["convention"] != "thousand")
    assert (named["convention"], corners(named), named["looks"]) == ("resized 800x100", [50, 200, 100, 400], None)
    assert named["evidence"].startswith("named by drop.yaml")

    # 400 x 200 pixels become 392 x 196: both sides are whole multiples of 28 that lie nearest.
    (drop / "drop.yaml").write_text("boxes: qwen2.5-vl")
    after = next(box for box in take(lake, drop) if box["convention"] == "qwen2.5-vl")
    assert corners(after) == pytest.approx([100 * 400 / 392, 100 * 200 / 196, 200 * 400 / 392, 200 * 200 / 196])
    assert (after["looks"], after["evidence"]) == (None, "named by drop.yaml")

    (drop / "drop.yaml").write_text("boxes: percent")
    with pytest.raises(DropError, match="'percent' is no convention of boxes; there are pixels, unit, thousand, `re"):
        take(lake, drop)
