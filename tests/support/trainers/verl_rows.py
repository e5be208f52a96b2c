"""verl: the file is loaded by RLHFDataset, which leaves out what it fails on or finds too long, and every row that is
left is asked for and made tokens of as a rollout does."""

import os
import sys
from pathlib import Path

from omegaconf import OmegaConf
from read_row import count, say
from transformers import AutoProcessor
from verl.utils.dataset.rl_dataset import RLHFDataset


def main(model: str, rows: str, most: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    settings = {"max_prompt_length": int(most), "filter_overlong_prompts_workers": 1, "cache_dir": "cache"}
    loaded = RLHFDataset([rows], processor.tokenizer, OmegaConf.create(settings), processor)
    there = set(loaded.dataframe["channel"])
    for number in range(Path(rows).read_text("utf-8").count("\n")):
        if str(number) not in there:
            say(number, {"outcome": "dropped"})
    for place in range(len(loaded)):
        row = loaded[place]
        text = processor.apply_chat_template(row["raw_prompt"], add_generation_prompt=True, tokenize=False)
        pictures, _, _ = RLHFDataset._process_multi_modal_info(row["raw_prompt"], 14, loaded.config)
        made = processor(text=[text], images=pictures) if pictures else processor.tokenizer([text])
        say(row["channel"], count(list(made["input_ids"][0]), None, made.get("image_grid_thw")))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
