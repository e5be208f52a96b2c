"""A reward model: a sequence classifier of transformers in a folder, whose last logit is the reward.

The conversation is written by the tokenizer's chat template where it has one, else question and completion are a pair.
It sees no pictures, and no ground truth. No code of the folder is run (resources/models/model_files.py).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from resources.models.encoder_source import local_gpus
from resources.models.halving import in_halves
from resources.models.model_files import ModelFileError, check_transformers, no_model_code, own_code
from resources.rewards.function import RewardError


class RewardClassifier:
    """The model of a folder, on a GPU where there is one. RewardError where it cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        try:
            check_transformers(folder)
            with no_model_code(offline=True):
                self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
                model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False)
        except ModelFileError as error:
            raise RewardError(str(error)) from None
        except Exception as error:
            raise RewardError(f"{folder} holds no sequence classifier that loads here: {own_code(error)}") from None
        self._model: Any = model.eval().to("cuda" if local_gpus() else "cpu")
        self._longest = min(self._tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 1 << 30))

    def rewards(self, rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """As `Reward.rewards`."""
        return [float(reward) for part in in_halves(self._scores, list(rows), noun="completions") for reward in part]

    def _scores(self, rows: Sequence[Mapping[str, Any]]) -> list[float]:
        if self._tokenizer.chat_template:
            answers = ({"role": "assistant", "content": row["completion"]} for row in rows)
            whole = [[*row["prompt"], answer] for row, answer in zip(rows, answers, strict=True)]
            texts = [self._tokenizer.apply_chat_template(turns, tokenize=False) for turns in whole]
            given: tuple[list[str], ...] = (texts,)
        else:
            given = [row["question"] for row in rows], [row["completion"] for row in rows]
        tokens = self._tokenizer(
            *given, padding=True, truncation=True, max_length=self._longest, return_tensors="pt"
        ).to(self._model.device)
        with torch.inference_mode():
            return self._model(**tokens).logits[:, -1].float().cpu().tolist()
