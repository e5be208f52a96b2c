"""TRL, GRPO: a file of prompts is read by `datasets` with an Image column, and every prompt goes alone through the
tokenization of GRPOTrainer, and through the processor as before its loss. The model has weights of chance."""

import os
import sys
from pathlib import Path
from typing import Any

from datasets import Dataset, Image, List, load_dataset
from read_row import count, say
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from trl import GRPOConfig, GRPOTrainer
from trl.data_utils import apply_chat_template, prepare_multimodal_messages


def main(model: str, rows: str) -> None:
    folder = Path(rows).parent
    loaded = load_dataset("json", data_files=rows, split="train", cache_dir=str(folder / "cache"))
    with_images = loaded.cast_column("images", List(Image()))
    settings = GRPOConfig(output_dir=str(folder / "run"), use_cpu=True, bf16=False, report_to=[], num_generations=2)
    trainer = GRPOTrainer(
        model=AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(model)),
        reward_funcs=lambda **given: [0.0 for _ in given["prompts"]],
        args=settings,
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "Is it so?"}]}] * 2),
        processing_class=AutoProcessor.from_pretrained(model),
    )
    for place, row in enumerate(loaded["channel"]):
        try:
            say(row, outcome(with_images[place], trainer))
        except Exception as error:  # whatever it is, it would stop the run
            say(row, {"outcome": "crashed", "error": repr(error)[:200]})


def outcome(row: dict[str, Any], trainer: GRPOTrainer) -> dict[str, Any]:
    pictures, prompt = row["images"], row["prompt"]
    if not pictures:  # in a batch without any
        ids, _, fields = trainer._tokenize_prompts([prompt])
        return count(ids[0], None, fields.get("image_grid_thw"))
    prompt = prepare_multimodal_messages(prompt, images=pictures)
    ids, _, _ = trainer._tokenize_prompts([prompt])
    text = apply_chat_template({"prompt": prompt}, trainer.processing_class)["prompt"]
    made = trainer.processing_class(images=[pictures], text=[text], padding=True, return_tensors="pt")
    return count(ids[0], None, made["image_grid_thw"])


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
