"""TRL: the file is read by `datasets` with an Image column, and every row goes alone through the collator of
SFTTrainer."""

import os
import sys
from pathlib import Path

from datasets import Image, List, load_dataset
from read_row import count, say
from transformers import AutoProcessor
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling


def main(model: str, rows: str, most: str) -> None:
    loaded = load_dataset("json", data_files=rows, split="train", cache_dir=str(Path(rows).parent / "cache"))
    names = loaded["channel"]
    with_images = loaded.cast_column("images", List(Image()))
    collate = DataCollatorForVisionLanguageModeling(AutoProcessor.from_pretrained(model), max_length=int(most))
    for place, row in enumerate(names):
        try:
            batch = collate([with_images[place]])
        except Exception as error:  # whatever it is, it would stop the run
            say(row, {"outcome": "crashed", "error": repr(error)[:200]})
            continue
        # It takes a loss on every token, so that its labels say nothing of answers.
        say(row, count(batch["input_ids"][0].tolist(), None, batch.get("image_grid_thw")))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
