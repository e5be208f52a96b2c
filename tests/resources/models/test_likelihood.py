"""Which model a reference means, and the name of its figures."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from resources.models.answer_model import LikelihoodError
from resources.models.coca import CaptionModel
from resources.models.likelihood import likelihood_identity, load_likelihood_model
from resources.models.vision_language import VisionLanguageModel
from tests.support.tiny_models import save_coca, save_llava


@pytest.mark.parametrize(
    ("prefix", "save", "config", "kind"),
    [
        ("", save_llava, "config.json", VisionLanguageModel),
        ("open_clip:local-dir:", save_coca, "open_clip_config.json", CaptionModel),
    ],
)
def test_reference_chooses_the_model_and_identity_follows_its_files(
    tmp_path: Path, prefix: str, save: Callable[[Path], None], config: str, kind: type
):
    torch.manual_seed(2)
    save(tmp_path)
    reference = f"{prefix}{tmp_path}"
    assert isinstance(load_likelihood_model(reference), kind)
    first = likelihood_identity(reference, precision="fp32")
    assert first == likelihood_identity(reference, precision="fp32")
    assert first != likelihood_identity(reference, precision="bf16")
    written = json.loads((tmp_path / config).read_text())
    (tmp_path / config).write_text(json.dumps(written | {"note": 1}))
    changed = likelihood_identity(reference, precision="fp32")
    assert changed != first
    save(tmp_path)
    (tmp_path / config).write_text(json.dumps(written | {"note": 1}))
    assert likelihood_identity(reference, precision="fp32") not in (first, changed)


@pytest.mark.parametrize("name", ["coca_ViT-B-32", "coca_ViT-B-32:", ":some.safetensors"])
def test_reference_to_open_clip_names_weights(name: str):
    with pytest.raises(LikelihoodError, match="names no weights; write open_clip:NAME:CHECKPOINT"):
        likelihood_identity(f"open_clip:{name}", precision="fp32")
