"""Reads files of an export as EasyR1 reads them. EasyR1 comes as no package that has its loader: this was written after
`RLHFDataset` of verl/utils/dataset.py (`_build_messages`, `__getitem__`), but for the processor, which is transformers'
own.

Arguments: the model's folder, the export's folder, and names of its files.
"""

import json
import sys
from io import BytesIO
from typing import Any

from datasets import load_dataset
from loaded_rows import digest
from PIL import Image
from transformers import AutoProcessor


def main(model: str, folder: str, *names: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    for name in names:
        for row in load_dataset("parquet", data_files=f"{folder}/{name}", split="train"):
            print(json.dumps(facts_of(row, processor)))


def facts_of(row: dict[str, Any], processor: Any) -> dict[str, Any]:
    content: list[dict[str, str]] = []
    for number, text in enumerate(row.pop("problem").split("<image>")):
        content += [{"type": "image"}] if number else []
        content += [{"type": "text", "text": text}] if text else []
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    pictures = [opened(picture) for picture in row.pop("images")]
    made = processor(pictures or None, [prompt], add_special_tokens=False, return_tensors="pt")
    ids = made["input_ids"][0].tolist()
    facts = {"pictures": [digest(picture) for picture in pictures], "data_source": row["data_source"]}
    return {"text": processor.tokenizer.decode(ids), "solution": row.pop("answer"), **facts}


def opened(picture: Any) -> Image.Image:
    image = Image.open(BytesIO(picture["bytes"])) if isinstance(picture, dict) else picture
    image.load()
    return image.convert("RGB")


if __name__ == "__main__":
    main(*sys.argv[1:])
