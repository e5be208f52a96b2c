"""ms-swift: the file is loaded, then every row is asked for as a training asks for it."""

import os
import sys
import time
from pathlib import Path

from read_row import count, say
from swift.dataset import LazyLLMDataset, load_dataset
from swift.model import get_processor
from swift.template import get_template


def main(model: str, rows: str, most: str, truncation: str) -> None:
    processor = get_processor(model, model_type="qwen2_5_vl")
    template = get_template(processor, template_type="qwen2_5_vl", max_length=int(most), truncation_strategy=truncation)
    template.set_mode("train")
    time.sleep = lambda seconds: None  # it waits between three tries of a row that fails each time
    loaded, _ = load_dataset([rows], load_from_cache_file=False)
    there = loaded["channel"]
    for number in sorted(set(range(Path(rows).read_text("utf-8").count("\n"))) - {int(one) for one in there}):
        say(number, {"outcome": "dropped"})
    lazy = LazyLLMDataset(loaded, template.encode, random_state=1, traceback_limit=0)
    for place, row in enumerate(there):
        example = lazy[place]
        read = count(example["input_ids"], example["labels"], example.get("image_grid_thw"))
        say(row, read if example["channel"] == row else {"outcome": "replaced"})


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
