"""ms-swift: the file is loaded for DPO or KTO, then every row is asked for as a training asks for it. KTO takes for
each row the answer of the row before it in the batch: here each row's batch is itself and one plain row, so that what
becomes of it is its own."""

import copy
import os
import sys
import time
from pathlib import Path
from typing import Any

from ms_swift_reader import loaded, template_of
from read_row import count, say
from swift.dataset import LazyLLMDataset
from swift.pipelines.train.kto import KTOPreprocessor

PLAIN = [{"role": "user", "content": "Is it so?"}, {"role": "assistant", "content": "."}]
MODES = {"dpo": "rlhf", "kto": "kto"}


def main(model: str, rows: str, most: str, kind: str) -> None:
    template = template_of(model, most, "right")
    template.set_mode(MODES[kind])
    time.sleep = lambda seconds: None  # it waits between three tries of a row that fails each time
    listed = list(loaded(rows))
    if kind == "kto":
        for at, row in enumerate(listed):
            try:
                listed[at] = beside_plain(row)
            except AssertionError as error:  # it stops the run
                say(row["channel"], {"outcome": "crashed", "error": repr(error)})
                listed[at] = {}
    lazy = LazyLLMDataset(Rows([row for row in listed if row]), template.encode, random_state=1, traceback_limit=0)
    for place, row in enumerate(row["channel"] for row in listed if row):
        example = lazy[place]
        say(row, sides(example, kind) if example["channel"] == row else {"outcome": "replaced"})


class Rows(list[dict[str, Any]]):
    """Rows as a dataset gives them: a new copy each time."""

    def __getitem__(self, place: Any) -> Any:
        return copy.deepcopy(super().__getitem__(int(place)))


def beside_plain(row: dict[str, Any]) -> dict[str, Any]:
    batch = KTOPreprocessor().batched_preprocess({"messages": [copy.deepcopy(row["messages"]), PLAIN]})
    return {**row, "rejected_response": batch["rejected_response"][0]}


def sides(example: dict[str, Any], kind: str) -> dict[str, Any]:
    names = ("chosen", "rejected") if kind == "dpo" else ("chosen",)
    counted = [
        count(example[f"{name}_input_ids"], example[f"{name}_labels"], example.get(f"{name}_image_grid_thw"))
        for name in names
    ]
    return {"outcome": "read", "sides": counted}


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
