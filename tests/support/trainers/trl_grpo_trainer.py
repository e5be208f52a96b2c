"""TRL's own GRPOTrainer over rows, with a model of the folder's shape and weights of chance: nothing is sampled."""

from typing import Any

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from trl import GRPOConfig, GRPOTrainer
from trl.data_utils import apply_chat_template, prepare_multimodal_messages

COPIES = 2
"""How often a group's prompt stands in its batch."""


def trainer_over(rows: Any, model: str, folder: str) -> GRPOTrainer:
    """The trainer, which writes below the folder."""
    settings = GRPOConfig(
        output_dir=folder,
        num_generations=COPIES,
        per_device_train_batch_size=COPIES,
        gradient_accumulation_steps=1,
        shuffle_dataset=False,
        use_cpu=True,
        bf16=False,
        report_to=[],
    )
    return GRPOTrainer(
        model=AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(model)),
        reward_funcs=lambda **given: [0.0 for _ in given["prompts"]],
        args=settings,
        train_dataset=rows,
        processing_class=AutoProcessor.from_pretrained(model),
    )


def asked(row: dict[str, Any], trainer: GRPOTrainer) -> tuple[list[int], list[Any], Any]:
    """A prompt's tokens, its pictures, and what the model gets of them, as `_generate_and_score_completions` makes
    them: without pictures in the batch the prompts stay as they are."""
    if not row["images"]:
        ids, _, fields = trainer._tokenize_prompts([row["prompt"]])
        return ids[0], [], fields.get("image_grid_thw")
    prompt = prepare_multimodal_messages(row["prompt"], images=row["images"])
    ids, tokens, _ = trainer._tokenize_prompts([prompt])
    text = apply_chat_template({"prompt": prompt}, trainer.processing_class)["prompt"]
    made = trainer.processing_class(images=[row["images"]], text=[text], padding=True, return_tensors="pt")
    return ids[0], (tokens or [[]])[0] or [], made["image_grid_thw"]
