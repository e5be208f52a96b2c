"""Reads an export as Qwen-VL's fine-tuning code does (`qwenvl/data/data_processor.py` of QwenLM/Qwen3-VL), which comes
as no package: written anew after it. Rows that it would swap for another end this script.

Arguments: the model's folder, the export's folder, and names of its data sets.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from loaded_rows import IGNORED, digest, target_runs
from PIL import Image
from transformers import AutoProcessor

ASSISTANT, END = 77091, 151645


def main(model: str, folder: str, *names: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    registry = json.loads((Path(folder) / "data_dict.json").read_text())
    for name in names:
        base = Path(folder) / registry[name]["data_path"]
        with (Path(folder) / registry[name]["annotation_path"]).open() as lines:
            for line in lines:
                print(json.dumps({**facts_of(json.loads(line), base, processor), "stage": name}))


def facts_of(row: dict[str, Any], base: Path, processor: Any) -> dict[str, Any]:
    images = row.get("image") or []
    paths = [str((base / path).resolve()) for path in ([images] if isinstance(images, str) else images)]
    encoded = processor.apply_chat_template(
        messages_of(row, list(paths)), tokenize=True, return_dict=True, return_tensors="pt"
    )
    ids = encoded["input_ids"][0].tolist()
    return {
        "pictures": [digest(Image.open(path)) for path in paths],
        "text": processor.tokenizer.decode(ids),
        "targets": target_runs(processor.tokenizer, ids, labels_of(ids)),
    }


def messages_of(row: dict[str, Any], paths: list[str]) -> list[dict[str, Any]]:
    """Human turns are split at placeholders, and the texts between are stripped; every other turn is an answer."""
    messages: list[dict[str, Any]] = []
    for turn in row["conversations"]:
        if turn["from"] != "human":
            messages.append({"role": "assistant", "content": [{"type": "text", "text": turn["value"]}]})
            continue
        content: list[dict[str, Any]] = []
        for piece in re.split(r"(<image>|<video>)", turn["value"]):
            if piece == "<video>":
                raise ValueError("a placeholder without a video")
            if piece == "<image>":
                content.append({"type": "image", "image": paths.pop(0)})
            elif piece.strip():
                content.append({"type": "text", "text": piece.strip()})
        messages.append({"role": "user", "content": content})
    if paths:
        raise ValueError(f"{len(paths)} images without a placeholder")
    return messages


def labels_of(ids: list[int]) -> list[int]:
    """What follows the token `assistant` and a line break is learned, up to the end of the turn and its line break."""
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
    main(*sys.argv[1:])
