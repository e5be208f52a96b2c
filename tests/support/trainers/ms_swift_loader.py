"""Loads files of an export with ms-swift's own loader and encodes them with its own template, as before a training.

Arguments: the model's folder, the export's folder, and for each mode of the template (train, rlhf, kto or grpo)
`mode=NAME,NAME`, the names of its files; of mode `grpo` the prompts, encoded as they are before an answer is sampled.
Run it with the export's folder as ROOT_IMAGE_DIR.
"""

import json
import os
import sys
from typing import Any

from loaded_rows import digest, target_runs, weighed_runs
from swift.dataset import load_dataset
from swift.model import get_processor
from swift.template import get_template
from swift.template.vision_utils import load_image

PREFIXES = {"train": {"": ""}, "rlhf": {"chosen_": "chosen_", "rejected_": "rejected_"}, "kto": {"": "chosen_"}}
"""What a side is called here, and in what the template makes of a row."""


def main(model: str, folder: str, *wanted: str) -> None:
    processor = get_processor(model, model_type="qwen2_5_vl")
    template = get_template(processor, template_type="qwen2_5_vl", default_system="", is_binary_loss_scale=False)
    for argument in wanted:
        mode, _, names = argument.partition("=")
        template.set_mode("transformers" if mode == "grpo" else mode)
        files = [os.path.join(folder, name) for name in names.split(",")]
        # Its arguments for GRPO keep the columns that rewards are given.
        kept = {"remove_unused_columns": False} if mode == "grpo" else {}
        rows, _ = load_dataset(files, strict=True, load_from_cache_file=False, **kept)
        for row in rows:
            print(json.dumps(asked(row, template) if mode == "grpo" else facts_of(row, mode, template)))


def asked(row: dict[str, Any], template: Any) -> dict[str, Any]:
    pictures = [load_image(picture["path"]) for picture in row["images"] or []]
    about = {name: row.get(name) for name in ("example_id", "solution", "data_source")}
    text = template.tokenizer.decode(template.encode(row)["input_ids"])
    return {"text": text, "pictures": [digest(picture) for picture in pictures], **about}


def facts_of(row: dict[str, Any], mode: str, template: Any) -> dict[str, Any]:
    encoded = template.encode(row)
    pictures = [load_image(picture["path"]) for picture in row["images"] or []]
    answer: dict[str, Any] = {"stage": mode, "pictures": [digest(picture) for picture in pictures]}
    if mode == "kto":
        answer["label"] = encoded["label"]
    for side, prefix in PREFIXES[mode].items():
        ids, labels = encoded[f"{prefix}input_ids"], encoded[f"{prefix}labels"]
        answer[f"{side}text"] = template.tokenizer.decode(ids)
        answer[f"{side}targets"] = target_runs(template.tokenizer, ids, labels)
        answer[f"{side}weighed"] = weighed_runs(template.tokenizer, ids, labels, encoded[f"{prefix}loss_scale"])
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
