"""ms-swift: the file is loaded, then every row is asked for as a training asks for it."""

import os
import sys
import time
from pathlib import Path

from ms_swift_reader import loaded, template_of
from read_row import count, say
from swift.dataset import LazyLLMDataset


def main(model: str, rows: str, most: str, truncation: str) -> None:
    template = template_of(model, most, truncation)
    template.set_mode("train")
    time.sleep = lambda seconds: None  # it waits between three tries of a row that fails each time
    rows_left = loaded(rows)
    lazy = LazyLLMDataset(rows_left, template.encode, random_state=1, traceback_limit=0)
    for place, row in enumerate(rows_left["channel"]):
        example = lazy[place]
        read = count(example["input_ids"], example["labels"], example.get("image_grid_thw"))
        say(row, read if example["channel"] == row else {"outcome": "replaced"})


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
