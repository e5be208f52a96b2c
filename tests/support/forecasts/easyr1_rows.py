"""EasyR1, which comes as no package: `process_image`, `_build_messages` and the filter of long prompts, written anew
after verl/utils/dataset.py; the processor is transformers' own."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from read_row import count, say
from transformers import AutoProcessor

LEAST_PX, MOST_PX = 262_144, 4_194_304


def main(model: str, rows: str, most: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    for line in Path(rows).read_text("utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        try:
            read = outcome(row, processor)
        except Exception as error:  # whatever it is, it would stop the run
            read = {"outcome": "crashed", "error": repr(error)[:200]}
        say(row["channel"], {"outcome": "dropped"} if read.get("tokens", 0) > int(most) else read)


def outcome(row: dict[str, Any], processor: Any) -> dict[str, Any]:
    content: list[dict[str, str]] = []
    for number, text in enumerate(row["problem"].split("<image>")):
        content += [{"type": "image"}] if number else []
        content += [{"type": "text", "text": text}] if text else []
    asked = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    pictures = [opened(Path(path)) for path in row["images"]]
    made = processor(pictures or None, [prompt], add_special_tokens=False, return_tensors="pt")
    return count(made["input_ids"][0].tolist(), None, made.get("image_grid_thw"))


def opened(path: Path) -> Image.Image:
    picture = Image.open(path)
    picture.load()
    for most, grow in ((MOST_PX, False), (LEAST_PX, True)):
        pixels = picture.width * picture.height
        if pixels < most if grow else pixels > most:
            scale = math.sqrt(most / pixels)
            picture = picture.resize((int(picture.width * scale), int(picture.height * scale)))
    return picture.convert("RGB")


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
