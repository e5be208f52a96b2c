"""Whether an encoder finds the things of ms-swift's `objects` where their boxes are: photos, run as one delivery.

    .venv/bin/python -m benchmarks.box_accuracy --photos ../shared/data/photos --work FOLDER [--seed 101]
        [--wrong 0.2] [--agreement 0.8]

`FOLDER/boxes` gets a row for each category of each photo: where is it, and all its boxes, both by placeholder, so that
no text marks a phrase. A share of the rows (`--wrong`) has the boxes of another category of its photo. `assay run`
reads them into `FOLDER/lake` with the mini encoder; `--agreement` is the setting of that name of `boxes`, below which
the encoder is not heard. The table counts, of sound and of wrong rows, the boxes, those whose phrase the encoder surely
sees somewhere, those of them that it sees near a box of the row, and those that are named `is_elsewhere`.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.prompt_accuracy import write
from ops.audits.boxes import AUDIT
from ops.boxes.example_boxes import ExampleBoxes
from ops.core.schemas import BOXES, EXAMPLES
from resources.lake.tables import Lake

Objects = dict[str, list[list[float]]]


def of_photo(photo: dict[str, Any]) -> Objects:
    """The corners of a photo's boxes by category, crowds left out."""
    boxes: Objects = {}
    for thing in photo["objects"]:
        left, top, width, height = thing["bbox_xywh_px"]
        if not thing["iscrowd"]:
            boxes.setdefault(thing["category"], []).append([left, top, left + width, top + height])
    return boxes


def rows_of(photos: list[dict[str, Any]], wrong: float, rng: Random) -> list[dict[str, Any]]:
    """A row a category; `w` opens the names of those with another category's boxes, `s` those of the others."""
    rows: list[dict[str, Any]] = []
    for photo in photos:
        boxes = of_photo(photo)
        for category in sorted(boxes):
            others = sorted(boxes.keys() - {category})
            is_wrong = bool(others) and rng.random() < wrong
            corners = boxes[rng.choice(others) if is_wrong else category]
            rows.append(
                {
                    "id": f"{'w' if is_wrong else 's'}{len(rows):04d}",
                    "messages": [
                        {"role": "user", "content": "<image>Where is each <ref-object> of the picture?"},
                        {"role": "assistant", "content": ", ".join(["<bbox>"] * len(corners))},
                    ],
                    "images": [photo["image"]],
                    "objects": {"ref": [category], "bbox": corners},
                }
            )
    return rows


def table(lake: Lake) -> list[str]:
    """Lines of a Markdown table: of sound and of wrong rows, what the encoder says of their boxes."""
    source = {row["example_id"]: row["source_id"] for row in lake.read(EXAMPLES).to_pylist()}
    boxes = {(row["example_id"], row["ordinal"]): row for row in lake.read(BOXES).to_pylist()}
    held: dict[str, list[dict[str, Any]]] = {}
    for (example, _), box in boxes.items():
        held.setdefault(example, []).append(box)
    counts = {letter: Counter[str]() for letter in "sw"}
    for row in lake.read(AUDIT.table).to_pylist():
        count, box = counts[source[row["example_id"]][0]], boxes[row["example_id"], row["box"]]
        count["boxes"] += 1
        if row["region_agreed_share"] is not None:
            left, top, right, bottom = row["region"]
            x, y = (left + right) / 2 * box["image_width_px"], (top + bottom) / 2 * box["image_height_px"]
            count["seen"] += 1
            count["near"] += ExampleBoxes([], held[row["example_id"]]).near(box["image_id"], box["phrase"], x, y)
            count["named"] += row["is_elsewhere"] is True
    names = ("boxes", "seen", "near", "named")
    lines = [f"| rows | {' | '.join(names)} |", "|---|--:|--:|--:|--:|"]
    for letter, label in (("s", "sound"), ("w", "wrong")):
        lines.append(f"| {label} | {' | '.join(str(counts[letter][name]) for name in names)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--wrong", type=float, default=0.2)
    parser.add_argument("--agreement", type=float, default=0.8)
    options = parser.parse_args()
    photos = [json.loads(line) for line in (options.photos / "objects.jsonl").read_text("utf-8").splitlines()]
    rows = rows_of(photos, options.wrong, Random(options.seed))  # noqa: S311 - a seeded measurement
    write(options.work / "boxes", rows, options.photos)
    settings = {"audits": {"boxes": {"agreement": options.agreement}}}
    (options.work / "assay.yaml").write_text(json.dumps(settings), "utf-8")
    lake = options.work / "lake"
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", str(options.work / "boxes")]
    subprocess.run([*command, "--lake", str(lake), "--config", str(options.work / "assay.yaml")], check=True)
    print(f"{len(rows)} rows, seed {options.seed}, agreement {options.agreement}")
    print("\n".join(table(Lake(lake))))


if __name__ == "__main__":
    main()
