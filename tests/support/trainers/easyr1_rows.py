"""EasyR1's filter of long prompts, by the reader written after its code: each row goes alone through it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from easyr1_reader import encoded, prepared
from PIL import Image
from read_row import count, say
from transformers import AutoProcessor


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
    made = encoded(row["problem"], [prepared(Image.open(path)) for path in row["images"]], processor)
    return count(made["input_ids"][0].tolist(), None, made.get("image_grid_thw"))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
