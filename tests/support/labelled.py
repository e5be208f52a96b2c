"""Labels of a sample, as a page exports them."""

import csv
from pathlib import Path

from ops.core.version_schemas import SAMPLES
from resources.lake.tables import Lake


def labels(lake: Lake, path: Path, sample: str, *, by: str, faulty: set[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sample", "example_id", "content_id", "label", "why", "at", "by"])
        for row in lake.read(SAMPLES, where={"sample": sample}).to_pylist():
            label = "faulty" if row["example_id"] in faulty else "sound"
            writer.writerow([sample, row["example_id"], row["content_id"], label, "", "", by])
    return path
