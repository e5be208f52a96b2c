"""Qwen-VL's fine-tuning code by the reader written after it, with the cut of its collator; the processor is
transformers' own, and Pillow opens the pictures, as in the release that the code wants. A row that raises there is
replaced by the next one, which is not looked at here."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from qwen_vl_reader import labels_of, messages_of
from read_row import count, say
from transformers import AutoProcessor
from transformers.image_utils import load_image

LEAST_PX, MOST_PX = 28 * 28 * 16, 28 * 28 * 576
NAMES = {"user": "human", "assistant": "gpt"}


def main(model: str, rows: str, most: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    processor.image_processor.size = {"shortest_edge": LEAST_PX, "longest_edge": MOST_PX}
    for line in Path(rows).read_text("utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        try:
            result = outcome(row, processor, int(most))
        except Exception as error:  # whatever it is
            result = {"outcome": "replaced", "error": repr(error)[:200]}
        say(row["channel"], result)


def outcome(row: dict[str, Any], processor: Any, most: int) -> dict[str, Any]:
    turns = [{"from": NAMES.get(one["role"], one["role"]), "value": one["content"]} for one in row["messages"]]
    messages = messages_of(turns, [str(Path(path).resolve()) for path in row["images"]], load_image)
    encoded = processor.apply_chat_template(messages, tokenize=True, return_dict=True, return_tensors="pt")
    ids = encoded["input_ids"][0].tolist()
    return count(ids[:most], labels_of(ids)[:most], encoded.get("image_grid_thw"))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
