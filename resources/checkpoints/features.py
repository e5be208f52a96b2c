"""Features of images at each block of an encoder's image tower, a mean over places or tokens."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from resources.engines.progress import Progress
from resources.models.encoder import Encoder

#: The tower's output, which is compared with texts.
EMBEDDING = "embedding"
_AT_ONCE = 16


def layer_features(
    encoder: Encoder, images: Sequence[Callable[[], Image.Image]], progress: Progress, label: str
) -> dict[str, np.ndarray]:
    """Name -> (n, d) float32 for each block of `encoder.model.visual`, in order, and `EMBEDDING`, of unit length.
    `images` give pictures when they are called: a batch of them is held at a time."""
    parts: dict[str, list[np.ndarray]] = {}
    step = encoder.images_at_once or _AT_ONCE
    with _listening(encoder.model.visual, parts), progress.track(label, len(images)) as advance:
        for at in range(0, len(images), step):
            batch = [load() for load in images[at : at + step]]
            parts.setdefault(EMBEDDING, []).append(encoder.encode_images(batch))
            advance(len(batch))
    last = parts.pop(EMBEDDING)
    return {name: np.concatenate(arrays) for name, arrays in (parts | {EMBEDDING: last}).items()}


@contextmanager
def _listening(tower: nn.Module, parts: dict[str, list[np.ndarray]]) -> Iterator[None]:
    """While this is open, what each block gives is averaged and added under its name."""

    def listener(name: str, tokens_first: bool) -> Any:
        def listen(_module: nn.Module, _inputs: Any, output: Any) -> None:
            value: torch.Tensor = output[0] if isinstance(output, tuple) else output
            value = value.detach().float()
            if value.ndim == 4:
                value = value.mean((2, 3))
            elif value.ndim == 3:
                value = value.mean(0 if tokens_first else 1)
            parts.setdefault(name, []).append(value.cpu().numpy())

        return listen

    first = getattr(getattr(tower, "transformer", None), "batch_first", True) is False
    handles = [block.register_forward_hook(listener(name, first)) for name, block in blocks(tower)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def blocks(tower: nn.Module) -> list[tuple[str, nn.Module]]:
    """The blocks of a tower, by name, in order: the members of its outermost lists of modules; of a tower without one,
    its own parts."""
    lists = {
        name: module
        for name, module in tower.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential) and len(module) > 2
    }
    if not lists:
        return [(name, module) for name, module in tower.named_children() if _learns(module)]
    outermost = min(name.count(".") for name in lists)
    return [
        (f"{name}.{inner}", block)
        for name, module in lists.items()
        if name.count(".") == outermost
        for inner, block in module.named_children()
        if _learns(block)
    ]


def _learns(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
