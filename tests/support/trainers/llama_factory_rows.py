"""LLaMA-Factory: the file is loaded and aligned whole, then every row is tokenized and collated by itself, so that a
row that stops the run does not hide those after it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from llamafactory.data.collator import SFTDataCollatorWith4DAttentionMask
from llamafactory.data.loader import _get_dataset_processor, _get_merged_dataset
from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments, ModelArguments
from llamafactory.model import load_tokenizer
from read_row import count, say
from transformers import Seq2SeqTrainingArguments

NAMES = ("role", "content", "user", "assistant", "system", "observation")
FIELDS = ("input_ids", "attention_mask", "labels", "images", "videos", "audios")


def main(model: str, rows: str, most: str) -> None:
    folder, text = str(Path(rows).parent), Path(rows).read_text("utf-8")
    described = {
        "file_name": Path(rows).name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"} | ({"tools": "tools"} if '"tools"' in text else {}),
        "tags": {"function_tag": "function_call"} | {f"{name}_tag": name for name in NAMES},
    }
    (Path(folder) / "dataset_info.json").write_text(json.dumps({"rows": described}), "utf-8")
    model_args = ModelArguments(model_name_or_path=model, cache_dir=f"{folder}/cache")
    data_args = DataArguments(
        dataset="rows",
        dataset_dir=folder,
        media_dir=folder,
        template="qwen2_vl",
        cutoff_len=int(most),
        overwrite_cache=True,
    )
    training_args = Seq2SeqTrainingArguments(output_dir=f"{folder}/run", report_to=[], use_cpu=True)
    tokenizer_module = load_tokenizer(model_args)
    tokenizer, processor = tokenizer_module["tokenizer"], tokenizer_module["processor"]
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    loaded = _get_merged_dataset(data_args.dataset, model_args, data_args, training_args, "sft")
    tokenize = _get_dataset_processor(data_args, "sft", template, tokenizer, processor).preprocess_dataset
    collate = SFTDataCollatorWith4DAttentionMask(
        template=template, tokenizer=tokenizer, processor=processor, model=None, label_pad_token_id=-100
    )
    for number, row in enumerate(loaded):
        try:
            say(number, outcome(row, tokenize, collate))
        except Exception as error:  # whatever it is, it would stop the run
            say(number, {"outcome": "crashed", "error": repr(error)[:200]})


def outcome(row: dict[str, Any], tokenize: Any, collate: Any) -> dict[str, Any]:
    made = tokenize({name: [value] for name, value in row.items()})
    if not made["input_ids"]:
        return {"outcome": "dropped"}
    example = {name: made[name][0] for name in FIELDS}
    ids, labels, has_images = list(example["input_ids"]), list(example["labels"]), bool(example["images"])
    batch = collate([example])
    # A batch without pictures gets one that stands for none.
    return count(ids, labels, batch["image_grid_thw"] if has_images else None)


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
