"""No code of an encoder's folder runs, whichever library reads the folder and whatever its files ask for."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder
from resources.models.encoder_source import EncoderError
from tests.support.tiny_models import tokenizer
from tests.support.untrusted_models import Pickled, clip, infect, load, put

TRUSTING: list[dict[str, Any]] = [
    {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"trust_remote_code": True}},
    {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"trust_remote_code": True, "code_revision": "main"}},
    {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"tokenizer_type": "evil", "subfolder": "."}},
    {"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}},
    {"trust_remote_code": True},
]


@pytest.mark.parametrize("text", TRUSTING, ids=lambda text: ",".join([*text, *text.get("tokenizer_kwargs", ())]))
def test_what_a_config_asks_for_beyond_the_known_is_refused_by_name(
    tmp_path: Path, marker: Path, text: dict[str, Any]
) -> None:
    reference = clip(tmp_path, **text)
    tokenizer(["<pad>"], bos=None).save_pretrained(tmp_path)
    infect(tmp_path, marker)
    wrong = next(iter(text.get("tokenizer_kwargs", {"trust_remote_code": 0})))
    with pytest.raises(EncoderError, match=rf"open_clip_config\.json.*{wrong}.*(remove|give)"):
        load(reference)


@pytest.mark.parametrize(
    "part", ["model_cfg", "vision_cfg", "text_cfg", "preprocess_cfg", "act_kwargs", "multimodal_cfg"]
)
def test_unknown_keys_of_every_part_are_refused_by_name(tmp_path: Path, part: str) -> None:
    clip(tmp_path)
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    model = config["model_cfg"]
    model["text_cfg"]["act_kwargs"], model["multimodal_cfg"] = {}, {}
    parts = {
        "model_cfg": model,
        "preprocess_cfg": config["preprocess_cfg"],
        "act_kwargs": model["text_cfg"]["act_kwargs"],
    }
    (parts | model)[part]["run_this"] = "evil"
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match=rf"{part}.*run_this.*remove"):
        load(f"local-dir:{tmp_path}")


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("vision_cfg", "timm_model_name", "hf-hub:evil/model"),
        ("vision_cfg", "timm_model_name", "local-dir:."),
        ("vision_cfg", "timm_model_name", "../evil"),
        ("text_cfg", "hf_model_name", "/evil"),
        ("text_cfg", "hf_model_name", "../evil"),
        ("text_cfg", "hf_tokenizer_name", 7),
        ("text_cfg", "tokenizer_kwargs", ["trust_remote_code"]),
        ("text_cfg", "width", {"a": 1}),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, part: str, field: str, value: Any) -> None:
    clip(tmp_path)
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    config["model_cfg"][part][field] = value
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match=rf"{part}.*{field}"):
        load(f"local-dir:{tmp_path}")


def test_tokenizer_beside_code_is_read_without_it_or_refused(tmp_path: Path, marker: Path) -> None:
    reference = clip(tmp_path, hf_tokenizer_name="evil", context_length=12)
    tokenizer(["<pad>"], bos=None).save_pretrained(tmp_path)
    infect(tmp_path, marker)
    put(tmp_path, "tokenizer_config.json", tokenizer_class="Evil")
    with pytest.raises(EncoderError, match="code of its own, which is never run"):
        load(reference)


def test_text_tower_of_a_hub_cannot_bring_code(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As though the hub's cache held it: a configuration that names classes of its own."""
    hub = tmp_path / "hub" / "models--evil--tower"
    snapshot = hub / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("1")
    infect(snapshot, marker)
    put(snapshot, "config.json", model_type="evil")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "model"
    folder.mkdir()
    reference = clip(folder, hf_model_name="evil/tower", hf_tokenizer_name="evil/tower")
    put(folder, "open_clip_config.json")
    with pytest.raises(EncoderError, match="code of its own, which is never run"):
        load(reference)


@pytest.mark.parametrize("forced", ["", "1"])
@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "pytorch_model.bin", "other.pt", "other.pth"])
def test_pickled_weights_run_nothing(
    tmp_path: Path, marker: Path, name: str, forced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    reference = clip(tmp_path)
    (tmp_path / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": {"x": Pickled(marker)}}, tmp_path / name)
    with pytest.raises(EncoderError, match="cannot be built"):
        load(reference)


def test_pickled_checkpoint_by_its_path_runs_nothing(tmp_path: Path, marker: Path) -> None:
    torch.save({"state_dict": {"x": Pickled(marker)}}, tmp_path / "x.pt")
    with pytest.raises(EncoderError, match="cannot be built"):
        load_encoder(EncoderSettings("ViT-B-32", str(tmp_path / "x.pt"), device="cpu"))


def test_a_link_to_weights_elsewhere_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    reference = clip(folder)
    weights = (folder / "open_clip_model.safetensors").rename(tmp_path / "weights.safetensors")
    (folder / "open_clip_model.safetensors").symlink_to(weights)
    load(reference)
