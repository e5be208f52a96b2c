"""What of open_clip is used here, whose own types are incomplete."""

from collections.abc import Callable
from typing import Any

import torch
from open_clip.coca_model import CoCa as CoCa
from open_clip.model import CLIPTextCfg as CLIPTextCfg
from open_clip.model import CLIPVisionCfg as CLIPVisionCfg

class SimpleTokenizer:
    all_special_ids: list[int]
    sot_token_id: int
    def encode(self, text: str) -> list[int]: ...

def create_model(
    model_name: str,
    *,
    load_weights: bool,
    precision: str,
    device: str,
    force_quick_gelu: bool,
    pretrained_image: bool,
    pretrained_text: bool,
) -> torch.nn.Module: ...
def get_model_config(model_name: str) -> dict[str, Any] | None: ...
def get_pretrained_cfg(model: str, tag: str) -> dict[str, Any]: ...
def get_tokenizer(model_name: str, *, trust_remote_code: bool = ...) -> Callable[[list[str]], torch.Tensor]: ...
def list_models() -> list[str]: ...
def list_pretrained_tags_by_model(model: str) -> list[str]: ...
