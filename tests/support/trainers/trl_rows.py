"""TRL: every row of the file goes alone through the collator of SFTTrainer."""

import os
import sys
from pathlib import Path
from typing import Any

from read_row import count
from transformers import AutoProcessor
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling
from trl_alone import each_alone


def main(model: str, rows: str, most: str) -> None:
    collate = DataCollatorForVisionLanguageModeling(AutoProcessor.from_pretrained(model), max_length=int(most))

    def read(row: dict[str, Any]) -> dict[str, Any]:
        batch = collate([row])
        # It takes a loss on every token, so that its labels say nothing of answers.
        return count(batch["input_ids"][0].tolist(), None, batch.get("image_grid_thw"))

    each_alone(rows, read)


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
