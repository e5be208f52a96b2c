"""A reward model of a folder: a tiny classifier of random weights."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from resources.rewards.classifier import RewardClassifier
from resources.rewards.function import RewardError
from tests.support.tiny_models import tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    words = tokenizer(["<pad>"], bos=None)
    words.model_max_length = 64
    words.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(words), num_labels=1, max_position_embeddings=64, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def row(completion: str) -> dict:
    return {"prompt": [{"role": "user", "content": "Is it red?"}], "question": "Is it red?", "completion": completion}


def test_rewards_do_not_depend_on_what_is_asked_beside(folder: Path) -> None:
    classifier = RewardClassifier(folder)
    asked = [row("yes"), row("no, it is as blue as the sea beside the old wall"), row("word " * 500)]
    together = classifier.rewards(asked)
    assert len(set(together)) == 3
    assert together == pytest.approx([classifier.rewards([one])[0] for one in asked], abs=1e-5)


def test_a_folder_without_a_classifier_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RewardError, match="holds no sequence classifier"):
        RewardClassifier(tmp_path)
