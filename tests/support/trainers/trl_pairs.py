"""TRL: a file of pairs is read by `datasets` with an Image column, and every row goes alone through the collator of
DPOTrainer."""

import os
import sys
from pathlib import Path
from typing import Any

from datasets import Image, List, load_dataset
from loaded_rows import IGNORED
from read_row import count, say
from transformers import AutoProcessor
from trl.trainer.dpo_trainer import DataCollatorForVisionPreference

COLUMNS = ["prompt", "chosen", "rejected", "images"]


def main(model: str, rows: str, most: str) -> None:
    loaded = load_dataset("json", data_files=rows, split="train", cache_dir=str(Path(rows).parent / "cache"))
    names = loaded["channel"]
    with_images = loaded.cast_column("images", List(Image())).select_columns(COLUMNS)
    collate = DataCollatorForVisionPreference(AutoProcessor.from_pretrained(model), max_length=int(most))
    for place, row in enumerate(names):
        try:
            batch = collate([with_images[place]])
        except Exception as error:  # whatever it is, it would stop the run
            say(row, {"outcome": "crashed", "error": repr(error)[:200]})
            continue
        say(row, {"outcome": "read", "sides": [side(batch, number) for number in range(2)]})


def side(batch: Any, number: int) -> dict[str, Any]:
    used = batch["attention_mask"][number].bool()
    ids = batch["input_ids"][number][used].tolist()
    learnt = batch["completion_mask"][number][used].tolist()
    labels = [token if learn else IGNORED for token, learn in zip(ids, learnt, strict=True)]
    grid = batch.get("image_grid_thw")
    half = 0 if grid is None else len(grid) // 2
    return count(ids, labels, None if grid is None else grid[half * number : half * (number + 1)])


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
