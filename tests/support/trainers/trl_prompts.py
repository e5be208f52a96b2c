"""TRL, GRPO: a file of prompts is read by `datasets` with an Image column, and every prompt goes alone through the
tokenization of GRPOTrainer, and through the processor as before its loss."""

import os
import sys
from pathlib import Path

from datasets import Dataset, Image, List, load_dataset
from read_row import count, say
from trl_grpo_trainer import asked, trainer_over


def main(model: str, rows: str) -> None:
    folder = Path(rows).parent
    loaded = load_dataset("json", data_files=rows, split="train", cache_dir=str(folder / "cache"))
    with_images = loaded.cast_column("images", List(Image()))
    other = Dataset.from_list([{"prompt": [{"role": "user", "content": "Is it so?"}]}] * 2)
    trainer = trainer_over(other, model, str(folder / "run"))
    for place, row in enumerate(loaded["channel"]):
        try:
            ids, _, grid = asked(with_images[place], trainer)
        except Exception as error:  # whatever it is, it would stop the run
            say(row, {"outcome": "crashed", "error": repr(error)[:200]})
            continue
        say(row, count(ids, None, grid))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
