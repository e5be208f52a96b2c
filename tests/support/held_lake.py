"""A lake with a published version that holds examples with pictures, boxes and twins; no engine is started."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from ops.audits.registry import all_audits
from ops.core.identity import content_id, example_id, image_id
from ops.core.schemas import BOXES, DROPS, EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.evidence.inputs import RowInputs
from resources.config.settings import Settings, load_settings
from resources.lake.tables import Lake
from resources.versions.publishing import publish
from tests.support.versions import NOTHING, build, write_measures

HOSTILE = '<script>alert("x")</script>\u202e'
POLICY = Policy(
    (
        Rule("long", "difficulty", (Condition.parse("answer_words > 3"),), Action.HOLD, "a long answer"),
        Rule("copy", "duplicates", (Condition.parse("copies >= 2"),), Action.HOLD, "a copy"),
    )
)


def held_settings() -> Settings:
    """The shipped settings under the policy that holds."""
    return replace(load_settings(), policy=POLICY)


def lake_of_held(place: Path, count: int = 12) -> tuple[Lake, list[str]]:
    """Version 1 of `count` examples (at least 2), of which every third is long and held, and the second is held as a
    copy of the first; returns the held ids, sorted."""
    lake = Lake(place)
    pictures = [_picture(n) for n in range(count)]
    rows = [_example(n, image_id(data)) for n, data in enumerate(pictures)]
    size = {"width_px": 96, "height_px": 64}
    stored = [{"image_id": image_id(data), "bytes": data, **size} for data in pictures]
    lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(stored, schema=IMAGES.schema), {}))
    table = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, table, partition={"delivery": "d-1"}, once="d-1")
    box = {"delivery": "d-1", "example_id": rows[0]["example_id"], "image": 0, "phrase": HOSTILE, "shape": "box"}
    box |= {"image_width_px": 96, "image_height_px": 64, "left": 24.0, "top": 48.0, "right": 72.0, "bottom": 16.0}
    lake.write(BOXES, pa.Table.from_pylist([box], schema=BOXES.schema), partition={"delivery": "d-1"}, once="d-1")
    state = {"at": datetime.now(UTC), "drop": "d", "delivery": "d-1", "state": "admitted", "rows_kept": count}
    lake.log(DROPS, lambda log: [state])
    measured = all_audits()["difficulty"].measure(_inputs(table), None)
    write_measures(lake, "difficulty", "d0", measured.to_pylist(), delivery="d-1")
    pair = {"delivery": "d-1", "example_id": rows[1]["example_id"], "other_delivery": "d-1", "copies": 2}
    write_measures(lake, "duplicates", "u0", [pair | {"other_id": rows[0]["example_id"]}])
    publish(lake, build(lake, held_settings(), deliveries=["d-1"]), {})
    return lake, sorted([rows[1]["example_id"], *(row["example_id"] for row in rows[::3])])


def _inputs(table: pa.Table) -> RowInputs:
    vectors: Vectors = NOTHING
    return RowInputs(table, vectors, vectors, vectors, vectors)


def _picture(n: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (96, 64), (20 * n % 256, 90, 160)).save(out, "PNG")
    return out.getvalue()


def _example(n: int, picture: str) -> dict[str, Any]:
    answer = f"quite a long answer {n}" if n % 3 == 0 else f"short {n}"
    picture_part = {"type": "image", "text": None, "image_id": picture}
    question = {"role": "user", "parts": [picture_part, {"type": "text", "text": f"{HOSTILE} {n}?", "image_id": None}]}
    messages = [question, {"role": "assistant", "parts": [{"type": "text", "text": answer, "image_id": None}]}]
    content = content_id("sft", messages, [picture])
    ids = {"drop": "d", "delivery": "d-1", "example_id": example_id("d", str(n), content, 0), "content_id": content}
    of = {"source_id": str(n), "kind": "sft", "dataset": "set", "messages": messages, "image_ids": [picture]}
    return {**ids, **of, "metadata": "{}", "repairs": [], "provenance": {"file": "a.json", "row": n}}
