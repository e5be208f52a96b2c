"""Qwen-VL's fine-tuning code, which comes as no package: `_build_messages`, `preprocess_qwen_visual` and the cut of its
collator, written anew after qwenvl/data/data_processor.py; the processor is transformers' own, and
Pillow opens the pictures, as in the release that the code wants. A row that raises there
is replaced by the next one, which is not looked at here."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from read_row import count, say
from transformers import AutoProcessor
from transformers.image_utils import load_image

IGNORED, ASSISTANT, END = -100, 77091, 151645
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
    messages = messages_of(turns, [str(Path(path).resolve()) for path in row["images"]])
    encoded = processor.apply_chat_template(messages, tokenize=True, return_dict=True, return_tensors="pt")
    ids = encoded["input_ids"][0].tolist()
    return count(ids[:most], labels_of(ids)[:most], encoded.get("image_grid_thw"))


def messages_of(turns: list[dict[str, Any]], paths: list[str]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn["from"] != "human":
            messages.append({"role": "assistant", "content": [{"type": "text", "text": turn["value"]}]})
            continue
        content: list[dict[str, Any]] = []
        for piece in re.split(r"(<image>|<video>)", turn["value"]):
            if piece == "<video>":
                raise ValueError("a placeholder without a video")
            if piece == "<image>":
                content.append({"type": "image", "image": load_image(paths.pop(0))})
            elif piece.strip():
                content.append({"type": "text", "text": piece.strip()})
        messages.append({"role": "user", "content": content})
    if paths:
        raise ValueError(f"{len(paths)} images without a placeholder")
    return messages


def labels_of(ids: list[int]) -> list[int]:
    labels = [IGNORED] * len(ids)
    at = 0
    while at < len(ids):
        if ids[at] == ASSISTANT:
            start = end = at + 2
            while end < len(ids) and ids[end] != END:
                end += 1
            if end < len(ids):
                labels[start : end + 2] = ids[start : end + 2]
                at = end
        at += 1
    return labels


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
