"""Loads files of an export with `datasets`, gives them to TRL's own GRPOTrainer, and takes prompts from its data loader
and its tokenization. The model has the given folder's shape and weights of chance; nothing is sampled from it.

Arguments: the model's folder, the export's folder, and the names of its files, which are loaded together.
"""

import json
import sys
from typing import Any

from datasets import load_dataset
from loaded_rows import digest
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from trl import GRPOConfig, GRPOTrainer
from trl.data_utils import prepare_multimodal_messages

COPIES = 2
"""How often a group's prompt stands in its batch."""


def main(model: str, folder: str, *names: str) -> None:
    rows = load_dataset("parquet", data_files=[f"{folder}/{name}" for name in names], split="train")
    settings = GRPOConfig(
        output_dir=f"{folder}-run",
        num_generations=COPIES,
        per_device_train_batch_size=COPIES,
        gradient_accumulation_steps=1,
        shuffle_dataset=False,
        use_cpu=True,
        bf16=False,
        report_to=[],
    )
    trainer = GRPOTrainer(
        model=AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(model)),
        reward_funcs=lambda **given: [0.0 for _ in given["prompts"]],
        args=settings,
        train_dataset=rows,
        processing_class=AutoProcessor.from_pretrained(model),
    )
    for batch in trainer.get_train_dataloader():
        assert all(other["example_id"] == batch[0]["example_id"] for other in batch)
        print(json.dumps(facts_of(batch[0], trainer)))


def facts_of(row: dict[str, Any], trainer: GRPOTrainer) -> dict[str, Any]:
    # As its _generate_and_score_completions does: without pictures in the batch the prompts stay as they are.
    prompt = prepare_multimodal_messages(row["prompt"], images=row["images"]) if row["images"] else row["prompt"]
    ids, pictures, _ = trainer._tokenize_prompts([prompt])
    return {
        "text": trainer.processing_class.tokenizer.decode(ids[0]),
        "pictures": [digest(picture) for picture in (pictures or [[]])[0] or []],
        **{name: row[name] for name in ("example_id", "solution", "data_source")},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
