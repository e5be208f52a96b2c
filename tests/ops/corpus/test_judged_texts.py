"""The texts that corpus audits want embedded are those that ingest stores."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from ops.core.schemas import EXAMPLES
from ops.corpus.judged_texts import judged_queries, judged_query, told_answers
from ops.formats.containers.contract import Shard
from ops.formats.registry import all_formats
from ops.formats.shard_rows import ImageReader, outcomes
from ops.intake.drop_files import open_drop
from ops.intake.rows import IngestSettings

LONG = "a dog runs over the wide lawn"
PAIRS: list[dict[str, Any]] = [
    {"prompt": "What  is it? ", "chosen": f"{LONG}.", "rejected": f" {LONG}, no cat", "images": ["0.png"]},
    {"prompt": "<image>\nWhere is it?", "chosen": "here", "rejected": "there", "images": ["0.png"]},
    {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}], "chosen": "a man"},
    {
        "prompt": [
            {"role": "user", "content": "Look: <image> well?"},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": "And now?"},
        ],
        "chosen": "a man",
        "images": ["0.png"],
    },
    {"prompt": "Say it again, please, at length: " + "word " * 50, "chosen": LONG},
]


def parsed(folder: Path) -> list[dict[str, Any]]:
    """What a shard of preference pairs is read as, with the query that `preferences` gets."""
    Image.new("RGB", (8, 8)).save(folder / "0.png")
    lines = "\n".join(json.dumps({"rejected": "a woman", **pair}) for pair in PAIRS).encode()
    (folder / "pairs.jsonl").write_bytes(lines)
    files, settings = open_drop(folder), IngestSettings()
    images = ImageReader(files, ("",), settings)
    shard = Shard("pairs.jsonl", 0, len(lines), 0, len(lines))
    form = all_formats()["preferences"]
    read = outcomes(files, shard, container="json_lines", form=form, dataset="d", images=images, settings=settings)
    return [one.parsed for one in read if one.parsed]


def test_queries_are_those_of_the_preferences_to_the_letter(tmp_path: Path) -> None:
    rows = parsed(tmp_path)
    assert len(rows) == len(PAIRS)
    assert [judged_query(row["messages"]) for row in rows] == [row["query"] for row in rows]
    stored = [{name: row[name] for name in ("kind", "messages", "image_ids")} for row in rows]
    examples = pa.Table.from_pylist(stored, schema=EXAMPLES.schema)
    # The last is longer than some encoders read.
    assert judged_queries(examples) == sorted(row["query"] for row in rows[:-1])


def test_answers_are_the_judged_responses_and_the_targets_about_images(tmp_path: Path) -> None:
    rows = parsed(tmp_path)
    target = {
        "kind": "sft",
        "image_ids": ["i"],
        "messages": [_message("user", LONG), _message("assistant", f"{LONG}!")],
    }
    rows += [target, target | {"image_ids": []}, target | {"messages": [_message("assistant", "too short a text")]}]
    stored = [{name: row[name] for name in ("kind", "messages", "image_ids")} for row in rows]
    examples = pa.Table.from_pylist(stored, schema=EXAMPLES.schema)
    judged = {one["response"] for row in rows[:1] for one in row["judgements"]}
    assert told_answers(examples) == sorted({*judged, f"{LONG}!"})
    assert told_answers(examples.slice(0, 0)) == judged_queries(examples.slice(0, 0)) == []


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "text": text, "image_id": None}]}
