"""Small drops, and all that the lake has of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from ops.core.schemas import DROPS, EXAMPLES, IMAGES, PREFERENCES, QUARANTINE, TableSpec
from resources.lake.lookup import one_each
from resources.lake.tables import Lake


def llava(number: int, image: str | None, answer: str = "A square.") -> dict[str, Any]:
    question = "<image>\nWhat is this?" if image else "What is a square?"
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": f"{answer} {number}"}]
    return {"id": f"row-{number}", **({"image": image} if image else {}), "conversations": turns}


def make_drop(folder: Path, rows: Iterable[dict[str, Any]], pairs: Iterable[dict[str, Any]] = ()) -> Path:
    (folder / "images").mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (48, 32 + number), (number * 60, 80, 10)).save(folder / "images" / f"{number}.png")
    (folder / "train.json").write_text(json.dumps(list(rows), ensure_ascii=False), "utf-8")
    if pairs := list(pairs):
        (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return folder


def content(lake: Lake, spec: TableSpec, *, by: list[str]) -> list[dict[str, Any]]:
    table = lake.read(spec)
    if "at" in table.column_names:
        table = table.drop_columns(["at"])
    return table.sort_by([(name, "ascending") for name in by]).to_pylist()


def everything(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    return {
        "examples": content(lake, EXAMPLES, by=["delivery", "example_id"]),
        "images": one_each(lake.read(IMAGES).sort_by("image_id"), "image_id").to_pylist(),
        "preferences": content(lake, PREFERENCES, by=["delivery", "judgement_id"]),
        "quarantine": content(lake, QUARANTINE, by=["delivery", "file", "row"]),
        "drops": content(lake, DROPS, by=["sequence"]),
    }
