"""Loads files of an export with `datasets`, and makes batches of one row with the collators that TRL's trainers take
for pictures: those of SFT, DPO and KTO.

Arguments: the model's folder, the export's folder, and names of its files, each below the folder of its table.
"""

import json
import sys
from typing import Any

from datasets import load_dataset
from loaded_rows import IGNORED, digest, target_runs
from transformers import AutoProcessor
from trl.trainer.dpo_trainer import DataCollatorForVisionPreference
from trl.trainer.kto_trainer import DataCollatorForVisionUnpairedPreference
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

COLLATORS = {
    "sft": DataCollatorForVisionLanguageModeling,
    "preference": DataCollatorForVisionPreference,
    "unpaired": DataCollatorForVisionUnpairedPreference,
}


def main(model: str, folder: str, *names: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    for name in names:
        table = name.split("/")[0]
        collator = COLLATORS[table](processor)
        for row in load_dataset("parquet", data_files=f"{folder}/{name}", split="train"):
            print(json.dumps({**facts_of(row, table, collator, processor.tokenizer), "stage": table}))


def facts_of(row: dict[str, Any], table: str, collator: Any, tokenizer: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"pictures": [digest(picture) for picture in row["images"]]}
    if table == "unpaired":
        answer["label"] = row["label"]
    batch = collator([row])
    sides = ("chosen_", "rejected_") if table == "preference" else ("",)
    for number, side in enumerate(sides):
        used = [at for at, mask in enumerate(batch["attention_mask"][number].tolist()) if mask]
        ids = batch["input_ids"][number].tolist()
        if table == "sft":
            labels = batch["labels"][number].tolist()
        else:
            learned = batch["completion_mask"][number].tolist()
            labels = [token if mask else IGNORED for token, mask in zip(ids, learned, strict=True)]
        ids, labels = [ids[at] for at in used], [labels[at] for at in used]
        answer[f"{side}text"] = tokenizer.decode(ids)
        answer[f"{side}targets"] = target_runs(tokenizer, ids, labels)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
