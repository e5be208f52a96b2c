"""Adapters as PEFT itself writes them give the tower that PEFT itself merges them into."""

import json
import os
import subprocess
from pathlib import Path

import open_clip
import pytest
import torch
from torch import nn

from resources.checkpoints.errors import CheckpointError
from resources.checkpoints.fitting import Fitted, fitted
from resources.checkpoints.weights import read_weights
from tests.support.loaders import SCRIPTS, trainer_python

SIDE, WIDTH, LAYERS, HEADS = 32, 32, 2, 2
TOWER = {
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "image_size": SIDE,
    "patch_size": 16,
    "hidden_act": "gelu",
}
PATTERNS = {"rank_pattern": {"fc1": 4, "layers.1.self_attn.k_proj": 3}, "alpha_pattern": {"fc1": 5}}

pytestmark = pytest.mark.full


def written(folder: Path, **lora: object) -> Path:
    config = {"tower": TOWER, "lora": {"r": 2, "lora_alpha": 4, "target_modules": ["k_proj", "fc1", "out_proj"]} | lora}
    command = [str(trainer_python("axolotl")), str(SCRIPTS / "peft_adapters.py"), str(folder), json.dumps(config)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"HF_HUB_OFFLINE": "1"}, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def taken(folder: Path, baseline: nn.Module) -> Fitted:
    return fitted(baseline, read_weights(folder))


def baseline_of(folder: Path) -> nn.Module:
    vision = open_clip.CLIPVisionCfg(
        image_size=SIDE, layers=LAYERS, width=WIDTH, head_width=WIDTH // HEADS, patch_size=16
    )
    text = open_clip.CLIPTextCfg(context_length=8, vocab_size=32, width=16, heads=2, layers=1)
    return taken(folder / "base", open_clip.CLIP(16, vision, text).visual.eval()).tower  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "lora",
    [{}, {"use_rslora": True}, PATTERNS, {"bias": "all"}, {"modules_to_save": ["post_layernorm"]}],
    ids=["plain", "root scaled", "ranks of their own", "biases", "a module as it is"],
)
def test_an_adapter_gives_what_peft_merges(lora: dict[str, object], tmp_path: Path) -> None:
    folder = written(tmp_path, **lora)
    baseline = baseline_of(folder)
    apart, merged = taken(folder / "apart", baseline), taken(folder / "merged", baseline)
    for name, tensor in merged.tower.state_dict().items():
        assert torch.allclose(apart.tower.state_dict()[name], tensor, atol=1e-5), name
    assert (apart.change.adapter, merged.change.adapter) == (True, False)
    assert (apart.change.changed, apart.change.outside) == (merged.change.changed, 0)
    assert apart.change.changed >= 3 * LAYERS
    assert apart.change.rank == merged.change.rank <= 4


@pytest.mark.parametrize(
    "lora", [{"use_dora": True}, {"rank_pattern": {".*fc1": 4}}, {"target_modules": ["patch_embedding"]}]
)
def test_adapters_that_are_not_read_are_refused(lora: dict[str, object], tmp_path: Path) -> None:
    folder = written(tmp_path, **lora)
    with pytest.raises(CheckpointError, match="merge"):
        taken(folder / "apart", baseline_of(folder))
