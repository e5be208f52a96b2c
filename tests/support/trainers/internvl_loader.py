"""Reads an export as InternVL's trainer does (`LazySupervisedDataset` and `preprocess_internvl2_5` of
OpenGVLab/InternVL), which comes as no package: written anew after them. Rows that it would swap for another end this
script; a picture stays one placeholder.

Arguments: the model's folder, the export's folder, and names of its meta files.
"""

import json
import sys
from pathlib import Path
from typing import Any

from internvl_reader import turn_tokens
from loaded_rows import digest, target_runs
from PIL import Image
from transformers import AutoTokenizer


def main(model: str, folder: str, *names: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    for name in names:
        for dataset, entry in json.loads((Path(folder) / name).read_text()).items():
            for line in lines_of(Path(folder), entry):
                row = facts_of(json.loads(line), Path(folder) / entry["root"], tokenizer)
                print(json.dumps({**row, "stage": name, "dataset": dataset}))


def lines_of(folder: Path, entry: dict[str, Any]) -> list[str]:
    with (folder / entry["annotation"]).open() as file:
        lines = file.readlines()
    times = entry["repeat_time"]
    if times < 1:
        return lines[: int(len(lines) * times)]
    if not isinstance(times, int):
        raise TypeError(f"repeat_time {times} is no whole number")
    return lines * times


def facts_of(row: dict[str, Any], root: Path, tokenizer: Any) -> dict[str, Any]:
    image, turns = row.get("image") or [], row["conversations"]
    if isinstance(image, str):
        if "<image>" not in turns[0]["value"]:
            turns[0]["value"] = "<image>\n" + turns[0]["value"]
        image = [image]
    places = sum(turn["value"].count("<image>") for turn in turns if turn["from"] == "human")
    if image and places != len(image):
        raise ValueError(f"{places} placeholders, {len(image)} images")
    ids: list[int] = []
    labels: list[int] = []
    for turn in turns:
        tokens, learned = turn_tokens(turn, tokenizer)
        ids += tokens
        labels += learned
    return {
        "pictures": [digest(Image.open(root / path)) for path in image],
        "text": tokenizer.decode(ids),
        "targets": target_runs(tokenizer, ids, labels),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
