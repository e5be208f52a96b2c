"""Reads an export as Qwen-VL's fine-tuning code does, by the reader written after it. Rows that it would swap for
another end this script.

Arguments: the model's folder, the export's folder, and names of its data sets.
"""

import json
import sys
from pathlib import Path
from typing import Any

from loaded_rows import digest, target_runs
from PIL import Image
from qwen_vl_reader import labels_of, messages_of
from transformers import AutoProcessor


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
    messages = messages_of(row["conversations"], paths)
    encoded = processor.apply_chat_template(messages, tokenize=True, return_dict=True, return_tensors="pt")
    ids = encoded["input_ids"][0].tolist()
    return {
        "pictures": [digest(Image.open(path)) for path in paths],
        "text": processor.tokenizer.decode(ids),
        "targets": target_runs(processor.tokenizer, ids, labels_of(ids)),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
