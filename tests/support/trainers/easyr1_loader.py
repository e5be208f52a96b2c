"""Reads files of an export as EasyR1 reads them, by the reader written after its code, for it comes as no package that
has its loader.

Arguments: the model's folder, the export's folder, and names of its files.
"""

import json
import sys
from io import BytesIO
from typing import Any

from datasets import load_dataset
from easyr1_reader import encoded, prepared
from loaded_rows import digest
from PIL import Image
from transformers import AutoProcessor


def main(model: str, folder: str, *names: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    for name in names:
        for row in load_dataset("parquet", data_files=f"{folder}/{name}", split="train"):
            print(json.dumps(facts_of(row, processor)))


def facts_of(row: dict[str, Any], processor: Any) -> dict[str, Any]:
    pictures = [opened(picture) for picture in row.pop("images")]
    made = encoded(row.pop("problem"), [prepared(picture) for picture in pictures], processor)
    ids = made["input_ids"][0].tolist()
    facts = {"pictures": [digest(picture) for picture in pictures], "data_source": row["data_source"]}
    return {"text": processor.tokenizer.decode(ids), "solution": row.pop("answer"), **facts}


def opened(picture: Any) -> Image.Image:
    return Image.open(BytesIO(picture["bytes"])) if isinstance(picture, dict) else picture


if __name__ == "__main__":
    main(*sys.argv[1:])
