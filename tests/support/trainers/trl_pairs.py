"""TRL: every pair of the file goes alone through the collator of DPOTrainer."""

import os
import sys
from pathlib import Path
from typing import Any

from loaded_rows import IGNORED
from read_row import count
from transformers import AutoProcessor
from trl.trainer.dpo_trainer import DataCollatorForVisionPreference
from trl_alone import each_alone

COLUMNS = ["prompt", "chosen", "rejected", "images"]


def main(model: str, rows: str, most: str) -> None:
    collate = DataCollatorForVisionPreference(AutoProcessor.from_pretrained(model), max_length=int(most))

    def read(row: dict[str, Any]) -> dict[str, Any]:
        batch = collate([row])
        return {"outcome": "read", "sides": [side(batch, number) for number in range(2)]}

    each_alone(rows, read, COLUMNS)


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
