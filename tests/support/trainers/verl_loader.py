"""Loads files of an export with verl's own RLHFDataset, which leaves out what it fails on: its filter of long prompts
is on, as by default, with room for all of them.

Arguments: the model's folder, the export's folder, and the names of its files, which are loaded together.
"""

import json
import sys
from typing import Any

from loaded_rows import digest
from omegaconf import OmegaConf
from transformers import AutoProcessor
from verl.utils.dataset.rl_dataset import RLHFDataset

ROOM = 32768


def main(model: str, folder: str, *names: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    settings = {
        "cache_dir": f"{folder}-cache",
        "prompt_key": "prompt",
        "image_key": "images",
        "max_prompt_length": ROOM,
        "filter_overlong_prompts": True,
        "filter_overlong_prompts_workers": 1,
    }
    files = [f"{folder}/{name}" for name in names]
    rows = RLHFDataset(files, processor.tokenizer, OmegaConf.create(settings), processor)
    for number in range(len(rows)):
        print(json.dumps(facts_of(rows[number], processor)))


def facts_of(row: dict[str, Any], processor: Any) -> dict[str, Any]:
    parts = [part for turn in row["raw_prompt"] if isinstance(turn["content"], list) for part in turn["content"]]
    return {
        "text": processor.apply_chat_template(row["raw_prompt"], add_generation_prompt=True, tokenize=False),
        "pictures": [digest(part["image"]) for part in parts if part["type"] == "image"],
        "solution": row["reward_model"]["ground_truth"],
        "data_source": row["data_source"],
        "index": row["index"],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
