"""Loads files of an export with axolotl's own loader, and makes batches of one with its processing strategy and
collator for multimodal models, as in a training.

Arguments: the model's folder, the export's folder, and names of its files. Run it in the export's folder.
"""

import json
import sys
from typing import Any

# Beside this script lies one of the name `axolotl`: the trainer is found before it.
sys.path.append(sys.path.pop(0))

from axolotl.processing_strategies import get_processing_strategy
from axolotl.utils.collators.mm_chat import MultiModalChatDataCollator
from axolotl.utils.data.shared import load_dataset_with_config
from axolotl.utils.dict import DictDefault
from loaded_rows import digest, target_runs
from transformers import AutoProcessor
from transformers.image_utils import load_image


def main(model: str, folder: str, *names: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    strategy = get_processing_strategy(processor, processor.tokenizer.chat_template, "qwen2_vl")
    collator = MultiModalChatDataCollator(tokenizer=processor.tokenizer, processing_strategy=strategy)
    for name in names:
        config = DictDefault({"path": f"{folder}/{name}", "ds_type": "parquet", "split": "train"})
        for row in load_dataset_with_config(config, use_auth_token=False):
            batch = collator([row])
            print(json.dumps({**facts_of(row, batch, processor.tokenizer), "stage": name}))


def facts_of(row: dict[str, Any], batch: Any, tokenizer: Any) -> dict[str, Any]:
    parts = [part for message in row["messages"] for part in message["content"] if part["type"] == "image"]
    ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
    return {
        "pictures": [digest(load_image(part["path"])) for part in parts],
        "text": tokenizer.decode(ids),
        "targets": target_runs(tokenizer, ids, labels),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
