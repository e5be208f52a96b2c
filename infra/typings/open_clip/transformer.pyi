import torch
from torch import nn

class Transformer(nn.Module):
    resblocks: nn.ModuleList

class VisionTransformer(nn.Module):
    attn_pool: nn.Module | None
    grid_size: tuple[int, int]
    ln_post: nn.Module
    proj: nn.Parameter | None
    transformer: Transformer
    def _embeds(self, x: torch.Tensor) -> torch.Tensor: ...
