from dataclasses import dataclass

import torch
from torch import nn

@dataclass
class MultimodalCfg: ...

class TextTower(nn.Module):
    context_length: int

class CoCa(nn.Module):
    visual: nn.Module
    text: TextTower
    logit_scale: nn.Parameter
    context_length: int
    pad_id: int
    def encode_image(self, images: torch.Tensor) -> torch.Tensor: ...
    def encode_text(self, text: torch.Tensor) -> torch.Tensor: ...
