"""Vectors of a picture's cells in the space of the texts, of image towers that keep them.

Of a vision transformer and of CLIP's ResNets: the value path of the last attention (as in MaskCLIP, Zhou et al., 2022):
each token goes on with its own value alone, so that a cell says what is in it and not what the picture shows.
"""

from collections.abc import Callable
from functools import partial

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import nn

from resources.models.mini.model import PATCH_SIDE_PX, ImageTower

#: (n, 3, h, w) pixels to (n, rows, columns, dim) vectors, not of unit length.
Patches = Callable[[torch.Tensor], torch.Tensor]


def patches_of(tower: nn.Module, size: tuple[int, int]) -> tuple[Patches, tuple[int, int]] | None:
    """How the tower gives vectors of cells, and the height and width of the picture that it wants for it; None where it
    keeps none: what attends over its cells to pool them has no vector a cell."""
    tower = getattr(tower, "_orig_mod", tower)  # what torch.compile wraps
    if isinstance(tower, ImageTower):
        return tower.patches, (PATCH_SIDE_PX, PATCH_SIDE_PX)
    if isinstance(tower, VisionTransformer) and tower.attn_pool is None:
        return partial(_transformer_patches, tower), size
    if isinstance(tower, ModifiedResNet):
        return partial(_resnet_patches, tower), size
    return None


def _transformer_patches(tower: VisionTransformer, pixels: torch.Tensor) -> torch.Tensor:
    x = tower._embeds(pixels)  # pyright: ignore[reportPrivateUsage]
    *blocks, last = tower.transformer.resblocks
    for block in blocks:
        x = block(x)
    # A token that may attend to itself alone gets its own value.
    itself = torch.full((x.shape[1], x.shape[1]), -torch.inf, device=x.device, dtype=x.dtype).fill_diagonal_(0)
    cells = tower.ln_post(last(x, attn_mask=itself)[:, 1:])
    cells = cells if tower.proj is None else cells @ tower.proj
    return cells.unflatten(1, tower.grid_size)


def _resnet_patches(tower: ModifiedResNet, pixels: torch.Tensor) -> torch.Tensor:
    x = tower.stem(pixels)
    for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
        x = layer(x)
    return tower.attnpool.c_proj(tower.attnpool.v_proj(x.permute(0, 2, 3, 1)))
