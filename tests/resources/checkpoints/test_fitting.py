"""Weights find their places in a tower under whatever names trainers save them, or are refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel

from resources.checkpoints.errors import CheckpointError
from resources.checkpoints.fitting import fitted
from resources.checkpoints.weights import read_weights

SIDE, WIDTH, LAYERS = 32, 32, 2
VISION = open_clip.CLIPVisionCfg(image_size=SIDE, layers=LAYERS, width=WIDTH, head_width=16, patch_size=16)
TEXT = open_clip.CLIPTextCfg(context_length=8, vocab_size=32, width=16, heads=2, layers=1)


def clip(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return open_clip.CLIP(16, VISION, TEXT).eval()


@pytest.fixture
def baseline() -> nn.Module:
    return clip(0).visual  # pyright: ignore[reportReturnType]


def tuned() -> dict[str, torch.Tensor]:
    return clip(1).state_dict()


def save(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def pixels() -> torch.Tensor:
    return torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))


def features(tower: nn.Module) -> np.ndarray:
    with torch.inference_mode():
        return tower(pixels()).numpy()


@pytest.mark.parametrize("prefix", ["", "module.", "model.vision_tower.tower."])
def test_any_prefix_is_looked_behind(baseline: nn.Module, prefix: str, tmp_path: Path) -> None:
    tensors = {prefix + name: tensor for name, tensor in tuned().items()}
    taken = fitted(baseline, read_weights(save(tensors, tmp_path / "a.safetensors")))
    assert np.array_equal(features(taken.tower), features(clip(1).visual))  # pyright: ignore[reportArgumentType]
    assert taken.change.outside == len(tensors) - taken.change.tensors


def test_a_state_dict_inside_a_trainers_checkpoint(baseline: nn.Module, tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {f"module.{n}": t for n, t in tuned().items()}}, tmp_path / "a.pt")
    taken = fitted(baseline, read_weights(tmp_path / "a.pt"))
    assert np.array_equal(features(taken.tower), features(clip(1).visual))  # pyright: ignore[reportArgumentType]


def test_shards_named_by_an_index(baseline: nn.Module, tmp_path: Path) -> None:
    names = sorted(tuned())
    shards = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, inside in shards.items():
        save({name: tuned()[name] for name in inside}, tmp_path / file)
    index = {"weight_map": {name: file for file, inside in shards.items() for name in inside}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    taken = fitted(baseline, read_weights(tmp_path))
    assert np.array_equal(features(taken.tower), features(clip(1).visual))  # pyright: ignore[reportArgumentType]
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-2\.safetensors"):
        read_weights(tmp_path)


def test_names_of_transformers_as_llava_saves_them(baseline: nn.Module, tmp_path: Path) -> None:
    torch.manual_seed(2)
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=16,
        hidden_act="gelu",
    )
    model = CLIPVisionModel(config).eval()
    path = save({f"model.vision_tower.{n}": t for n, t in model.state_dict().items()}, tmp_path / "a.safetensors")
    taken = fitted(baseline, read_weights(path))
    assert taken.change.kept == ("proj",)
    with torch.inference_mode():
        pooled: Any = model(pixels()).pooler_output
    expected = (pooled @ baseline.state_dict()["proj"]).numpy()
    assert np.allclose(features(taken.tower), expected, atol=1e-5)


def factors(shapes: dict[str, tuple[int, int]], rank: int) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(3)
    made: dict[str, torch.Tensor] = {}
    for module, (out, into) in shapes.items():
        made[f"base_model.model.{module}.lora_A.weight"] = torch.randn(rank, into, generator=chance)
        made[f"base_model.model.{module}.lora_B.weight"] = torch.randn(out, rank, generator=chance)
    return made


def adapter(folder: Path, tensors: dict[str, torch.Tensor], **config: Any) -> Path:
    folder.mkdir()
    save(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4} | config))
    return folder


@pytest.mark.parametrize(
    ("module", "own", "rows"),
    [
        ("visual.transformer.resblocks.1.mlp.c_fc", "transformer.resblocks.1.mlp.c_fc.weight", slice(None)),
        (
            "vision_model.encoder.layers.0.self_attn.k_proj",
            "transformer.resblocks.0.attn.in_proj_weight",
            slice(32, 64),
        ),
    ],
)
def test_an_adapter_apart_is_the_adapter_merged(
    baseline: nn.Module, module: str, own: str, rows: slice, tmp_path: Path
) -> None:
    before = baseline.state_dict()
    shape = tuple(before[own][rows].shape)
    tensors = factors({module: shape, "language_model.layers.0.q_proj": (8, 8)}, 2)
    apart = fitted(baseline, read_weights(adapter(tmp_path / "apart", tensors)))
    down, up = (tensors[f"base_model.model.{module}.lora_{side}.weight"] for side in "AB")
    merged = {f"visual.{name}": tensor.clone() for name, tensor in before.items()}
    merged[f"visual.{own}"][rows] += 2 * up @ down
    whole = fitted(baseline, read_weights(save(merged, tmp_path / "merged.safetensors")))
    assert np.allclose(features(apart.tower), features(whole.tower), atol=1e-5)
    assert (apart.change.adapter, whole.change.adapter) == (True, False)
    assert (apart.change.rank, whole.change.rank) == (2, 2)
    assert (apart.change.changed, apart.change.outside) == (1, 2)


def test_an_adapter_of_the_language_model_leaves_the_tower(baseline: nn.Module, tmp_path: Path) -> None:
    taken = fitted(baseline, read_weights(adapter(tmp_path / "a", factors({"layers.0.q_proj": (8, 8)}, 2))))
    assert (taken.change.changed, taken.change.outside) == (0, 2)
    assert np.array_equal(features(taken.tower), features(baseline))


def test_what_does_not_fit_is_named(baseline: nn.Module, tmp_path: Path) -> None:
    def refusal(tensors: dict[str, torch.Tensor]) -> str:
        with pytest.raises(CheckpointError) as refused:
            fitted(baseline, read_weights(save(tensors, tmp_path / "a.safetensors")))
        return str(refused.value)

    own = {name: tensor for name, tensor in tuned().items() if name.startswith("visual.")}
    assert "has no tensors of the baseline's image tower (it has lm_head" in refusal({"lm_head": torch.ones(2)})
    assert "lacks ln_post.weight" in refusal({n: t for n, t in own.items() if n != "visual.ln_post.weight"})
    wrong = refusal(own | {"visual.conv1.weight": torch.ones(32, 3, 8, 8)})
    assert "visual.conv1.weight [32, 3, 8, 8] where the baseline has [32, 3, 16, 16]" in wrong
    assert "ln_post.bias holds values that are not finite" in refusal(
        own | {"visual.ln_post.bias": torch.full((32,), torch.nan)}
    )
    with pytest.raises(CheckpointError, match="LOHA"):
        read_weights(adapter(tmp_path / "loha", {"a": torch.ones(1)}, peft_type="LOHA"))


class Opener:
    """Runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": Opener(tmp_path / "ran")}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="no file of plain tensors"):
        read_weights(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()
