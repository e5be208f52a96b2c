"""Loads files of an export with `datasets`, gives them to TRL's own GRPOTrainer, and takes prompts from its data loader
and its tokenization.

Arguments: the model's folder, the export's folder, and the names of its files, which are loaded together.
"""

import json
import sys
from typing import Any

from datasets import load_dataset
from loaded_rows import digest
from trl import GRPOTrainer
from trl_grpo_trainer import asked, trainer_over


def main(model: str, folder: str, *names: str) -> None:
    rows = load_dataset("parquet", data_files=[f"{folder}/{name}" for name in names], split="train")
    trainer = trainer_over(rows, model, f"{folder}-run")
    for batch in trainer.get_train_dataloader():
        assert all(other["example_id"] == batch[0]["example_id"] for other in batch)
        print(json.dumps(facts_of(batch[0], trainer)))


def facts_of(row: dict[str, Any], trainer: GRPOTrainer) -> dict[str, Any]:
    ids, pictures, _ = asked(row, trainer)
    return {
        "text": trainer.processing_class.tokenizer.decode(ids),
        "pictures": [digest(picture) for picture in pictures],
        **{name: row[name] for name in ("example_id", "solution", "data_source")},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
