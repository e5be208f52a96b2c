"""LLaMA-Factory: every row of a file of pairs (DPO) or of judged answers (KTO) is aligned, tokenized and collated by
itself, so that a row that stops the run does not hide those after it, and no other row's answer stands in for KTO's."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from datasets import load_dataset
from llamafactory.data.collator import KTODataCollatorWithPadding, PairwiseDataCollatorWithPadding
from llamafactory.data.converter import get_dataset_converter
from llamafactory.data.loader import _get_dataset_processor
from llamafactory.data.parser import get_dataset_list
from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments, ModelArguments
from llamafactory.model import load_tokenizer
from loaded_rows import IGNORED
from read_row import count, say

TAGS = {"role": "role", "content": "content", "user": "user", "assistant": "assistant", "system": "system"}
COLUMNS = {"dpo": {"chosen": "chosen", "rejected": "rejected"}, "kto": {"kto_tag": "kto_tag"}}
COLLATORS = {"dpo": PairwiseDataCollatorWithPadding, "kto": KTODataCollatorWithPadding}


def main(model: str, rows: str, most: str, kind: str) -> None:
    folder = str(Path(rows).parent)
    described = {
        "file_name": Path(rows).name,
        "formatting": "sharegpt",
        "ranking": kind == "dpo",
        "columns": {"messages": "messages", "images": "images", **COLUMNS[kind]},
        "tags": {f"{name}_tag": word for name, word in TAGS.items()},
    }
    (Path(folder) / "dataset_info.json").write_text(json.dumps({"rows": described}), "utf-8")
    data_args = DataArguments(
        dataset="rows", dataset_dir=folder, media_dir=folder, template="qwen2_vl", cutoff_len=int(most)
    )
    tokenizer_module = load_tokenizer(ModelArguments(model_name_or_path=model, cache_dir=f"{folder}/cache"))
    tokenizer, processor = tokenizer_module["tokenizer"], tokenizer_module["processor"]
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    (described_rows,) = get_dataset_list(["rows"], folder)
    convert = get_dataset_converter("sharegpt", described_rows, data_args)
    stage = {"dpo": "rm", "kto": "kto"}[kind]
    tokenize = _get_dataset_processor(data_args, stage, template, tokenizer, processor).preprocess_dataset
    collate = COLLATORS[kind](
        template=template, tokenizer=tokenizer, processor=processor, model=None, label_pad_token_id=IGNORED
    )
    for number, row in enumerate(load_dataset("json", data_files=rows, split="train", cache_dir=f"{folder}/cache")):
        try:
            say(number, outcome(convert(row), tokenize, collate, kind))
        except Exception as error:  # whatever it is, it would stop the run
            say(number, {"outcome": "crashed", "error": repr(error)[:200]})


def outcome(row: dict[str, Any], tokenize: Any, collate: Any, kind: str) -> dict[str, Any]:
    made = tokenize({name: [value] for name, value in row.items()})
    if not made.get("chosen_input_ids" if kind == "dpo" else "input_ids"):
        return {"outcome": "dropped"}
    example = {name: values[0] for name, values in made.items()}
    prefixes = ("chosen_", "rejected_") if kind == "dpo" else ("",)
    read = [(list(example[f"{prefix}input_ids"]), list(example[f"{prefix}labels"])) for prefix in prefixes]
    has_images = bool(example["images"])
    batch = collate([example])
    # A batch without pictures gets one that stands for none; of a pair each picture stands twice.
    grid = batch["image_grid_thw"] if has_images else None
    own = None if grid is None else grid[: len(grid) // len(prefixes)]
    return {"outcome": "read", "sides": [count(ids, labels, own) for ids, labels in read]}


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
