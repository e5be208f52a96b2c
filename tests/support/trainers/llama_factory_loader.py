"""Loads data sets of an export with LLaMA-Factory's own loader: rows are read, aligned, put into its template and
tokenized, as before a training.

Arguments: the model's folder, the export's folder, and for each stage (sft, rm or kto) `stage=NAME,NAME`, the names of
its data sets.
"""

import json
import sys
import tempfile
from typing import Any

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.data.mm_plugin import BasePlugin
from llamafactory.hparams import DataArguments, ModelArguments
from llamafactory.model import load_tokenizer
from loaded_rows import digest, target_runs
from transformers import Seq2SeqTrainingArguments

PREFIXES = {"sft": ("",), "rm": ("chosen_", "rejected_"), "kto": ("",)}
NO_LIMIT = 1 << 40


def main(model: str, folder: str, *wanted: str) -> None:
    for argument in wanted:
        stage, _, names = argument.partition("=")
        load(model, folder, stage, names)


def load(model: str, folder: str, stage: str, names: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        model_args = ModelArguments(model_name_or_path=model, cache_dir=scratch)
        data_args = DataArguments(
            template="qwen2_vl",
            dataset=names,
            dataset_dir=folder,
            cutoff_len=100_000,
            default_system="",
            overwrite_cache=True,
        )
        training_args = Seq2SeqTrainingArguments(output_dir=scratch, do_train=True, use_cpu=True, log_level="error")
        loaded = load_tokenizer(model_args)
        tokenizer = loaded["tokenizer"]
        template = get_template_and_fix_tokenizer(tokenizer, data_args)
        rows = get_dataset(template, model_args, data_args, training_args, stage, tokenizer, loaded["processor"])
        for row in rows["train_dataset"]:
            print(json.dumps(facts_of(row, stage, tokenizer)))


def facts_of(row: dict[str, Any], stage: str, tokenizer: Any) -> dict[str, Any]:
    # The model's own plugin scales small pictures up; that of all models only opens them.
    opener = BasePlugin(image_token=None, video_token=None, audio_token=None)
    opened = opener._regularize_images(row["images"] or [], image_max_pixels=NO_LIMIT, image_min_pixels=1)["images"]
    answer: dict[str, Any] = {"stage": stage, "pictures": [digest(picture) for picture in opened]}
    if stage == "kto":
        answer["label"] = row["kto_tags"]
    for prefix in PREFIXES[stage]:
        ids, labels = row[f"{prefix}input_ids"], row[f"{prefix}labels"]
        answer[f"{prefix}text"] = tokenizer.decode(ids)
        answer[f"{prefix}targets"] = target_runs(tokenizer, ids, labels)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
