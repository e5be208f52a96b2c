"""A lake of questions about pictures of easy-VQA, prompts with their ground truth or answered; no engine is started."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ops.core.identity import image_id
from ops.core.schemas import DROPS, EXAMPLES, IMAGES
from ops.demo.pictures import load_pictures
from resources.lake.tables import Lake


def lake_of_questions(place: Path, count: int, *, kind: str = "prompt") -> Lake:
    """One admitted delivery, `d-1`, of a question a picture; of the kind `sft` or `prompt`."""
    answers = "ground_truth" if kind == "prompt" else "assistant"
    lake = Lake(place)
    rows: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for number, picture in enumerate(load_pictures()[:count]):
        data = picture.path.read_bytes()
        question, answer = picture.turns[number % len(picture.turns)]
        image = image_id(data)
        images.append({"image_id": image, "bytes": data})
        messages = [_turn("user", question, image), _turn(answers, answer)]
        row = {"drop": "d", "delivery": "d-1", "example_id": f"e{number:03d}", "kind": kind, "dataset": "easy"}
        rows.append({**row, "messages": messages, "image_ids": [image]})
    staged = lake.stage(IMAGES, pa.Table.from_pylist(images, schema=IMAGES.schema), {})
    lake.append(IMAGES, staged)
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, examples, partition={"delivery": "d-1"}, once="d-1")
    counts = {"rows_in": count, "rows_kept": count, "rows_quarantined": 0}
    entered = {"drop": "d", "delivery": "d-1", "source": "d", **counts}
    lake.log(DROPS, lambda log: [{**entered, "at": datetime.now(UTC), "state": s} for s in ("arrived", "admitted")])
    return lake


def _turn(role: str, text: str, image: str | None = None) -> dict[str, Any]:
    pictures = [{"type": "image", "text": None, "image_id": image}] if image else []
    return {"role": role, "parts": [*pictures, {"type": "text", "text": text, "image_id": None}]}
