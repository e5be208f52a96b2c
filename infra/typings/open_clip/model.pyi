from dataclasses import dataclass

import torch
from torch import nn

@dataclass
class CLIPVisionCfg: ...

@dataclass
class CLIPTextCfg: ...

class CLIP(nn.Module):
    visual: nn.Module
    def encode_image(self, image: torch.Tensor) -> torch.Tensor: ...
    def encode_text(self, text: torch.Tensor) -> torch.Tensor: ...

class CustomTextCLIP(nn.Module):
    visual: nn.Module
    text: nn.Module
    def encode_image(self, image: torch.Tensor) -> torch.Tensor: ...
    def encode_text(self, text: torch.Tensor) -> torch.Tensor: ...
