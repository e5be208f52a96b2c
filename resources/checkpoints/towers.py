"""Image towers that can be looked through and given other weights: an encoder's of open_clip, or that of a
vision-language model as transformers saves it, of which nothing but the tower is loaded."""

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from PIL import Image
from torch import nn

from ops.core.identity import fingerprint
from resources.checkpoints.errors import CheckpointError
from resources.checkpoints.fitting import Fitted, fit_texts, fitted
from resources.checkpoints.weights import Weights, read_weights
from resources.engines.progress import Progress
from resources.models.encoder import Encoder
from resources.models.model_files import check_transformers, no_model_code, own_code

#: What the tower gives at its end; of an encoder what is compared with texts, of unit length.
EMBEDDING = "embedding"
_AT_ONCE = 16

Loaders = Sequence[Callable[[], Image.Image]]
Parts = dict[str, list[np.ndarray]]


class Tower(Protocol):
    """An image tower with some weights."""

    identity: str

    def features(self, images: Loaders, progress: Progress, label: str) -> dict[str, np.ndarray]:
        """Name -> (n, d) float32 for each block, in order, a mean over places or tokens, and EMBEDDING last. Pictures
        are loaded when they are wanted: a batch of them is held at a time."""
        ...

    def texts(self, texts: Sequence[str]) -> np.ndarray | None:
        """Unit vectors (n, d) in the space of EMBEDDING; None where the tower comes without texts."""
        ...

    def take(self, weights: Weights) -> tuple[Fitted, bool]:
        """Go on with these weights; whether they brought texts of their own. CheckpointError where they do not fit."""
        ...


class EncoderTower:
    """That of an open_clip model."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.identity = encoder.identity

    def features(self, images: Loaders, progress: Progress, label: str) -> dict[str, np.ndarray]:
        tower = self.encoder.model.visual
        tokens_first = getattr(getattr(tower, "transformer", None), "batch_first", True) is False
        parts: Parts = {}
        last: list[np.ndarray] = []
        step = self.encoder.images_at_once or _AT_ONCE
        listening = _listening(tower, parts, lambda value: _image_means(value, tokens_first))
        with listening, progress.track(label, len(images)) as advance:
            for at in range(0, len(images), step):
                batch = [load() for load in images[at : at + step]]
                last.append(self.encoder.encode_images(batch))
                advance(len(batch))
        return _joined(parts | {EMBEDDING: last})

    def texts(self, texts: Sequence[str]) -> np.ndarray | None:
        return self.encoder.encode_texts(texts)

    def take(self, weights: Weights) -> tuple[Fitted, bool]:
        taken = fitted(self.encoder.model.visual, weights)
        brought = fit_texts(self.encoder.model, weights)
        self.encoder.model.visual = taken.tower.to(self.encoder.device)  # pyright: ignore[reportAttributeAccessIssue]
        return taken, brought


class FolderTower:
    """That of a model in a folder of transformers (LLaVA, Qwen-VL, SigLIP and others). Pictures go through one by one,
    for such towers take them in sizes of their own."""

    def __init__(self, tower: nn.Module, processor: Any, identity: str) -> None:
        self.tower = tower
        self.processor = processor
        self.identity = identity
        self._wants_grid = "grid_thw" in inspect.signature(tower.forward).parameters

    @classmethod
    def load(cls, folder: Path) -> "FolderTower":
        """CheckpointError where transformers knows no such model, or its weights are not there."""
        from transformers import AutoImageProcessor

        try:
            check_transformers(folder)
            with no_model_code(offline=True):
                processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
                tower = _empty_tower(folder)
        except Exception as error:  # Whatever the files make some library raise.
            raise CheckpointError(f"the baseline in {folder} cannot be loaded: {own_code(error)}") from error
        weights = read_weights(folder)
        return cls(fitted(tower.eval(), weights).tower, processor, f"{folder.name}-{fingerprint(weights.identity)}")

    def features(self, images: Loaders, progress: Progress, label: str) -> dict[str, np.ndarray]:
        parts: Parts = {}
        last: list[np.ndarray] = []
        with _listening(self.tower, parts, _mean), progress.track(label, len(images)) as advance:
            for load in images:
                last.append(_mean(self._through(load())))
                advance(1)
        return _joined(parts | {EMBEDDING: last})

    def _through(self, image: Image.Image) -> torch.Tensor:
        made = self.processor(images=image, return_tensors="pt")
        pixels = made["pixel_values"].to(next(self.tower.parameters()).dtype)
        with torch.inference_mode():
            grid = {"grid_thw": made["image_grid_thw"]} if self._wants_grid else {}
            output = self.tower(pixels, **grid)
        return output if isinstance(output, torch.Tensor) else output.last_hidden_state

    def texts(self, texts: Sequence[str]) -> np.ndarray | None:
        return None

    def take(self, weights: Weights) -> tuple[Fitted, bool]:
        taken = fitted(self.tower, weights)
        self.tower = taken.tower
        return taken, False


def _empty_tower(folder: Path) -> nn.Module:
    """The tower that the folder's configuration describes, with weights yet to come; the rest of the model is never
    given memory."""
    from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, PreTrainedModel

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    tower_config = getattr(config, "vision_config", config)
    kind = AutoModelForImageTextToText if type(config) in AutoModelForImageTextToText._model_mapping else AutoModel
    with torch.device("meta"):
        whole = kind.from_config(config, trust_remote_code=False)
    towers: list[Any] = [
        m for m in whole.modules() if isinstance(m, PreTrainedModel) and isinstance(m.config, type(tower_config))
    ]
    if not towers:
        raise CheckpointError(f"{folder}: a {type(config).__name__} has no image tower; name a vision model's folder")
    return cast("Any", type(towers[0]))._from_config(tower_config)


@contextmanager
def _listening(tower: nn.Module, parts: Parts, mean: Callable[[torch.Tensor], np.ndarray]) -> Generator[None]:
    """While this is open, what each block gives is averaged and added under its name."""

    def listener(name: str) -> Callable[..., None]:
        def listen(_module: nn.Module, _inputs: object, output: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
            parts.setdefault(name, []).append(mean(output[0] if isinstance(output, tuple) else output))

        return listen

    handles = [block.register_forward_hook(listener(name)) for name, block in blocks(tower)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _image_means(value: torch.Tensor, tokens_first: bool) -> np.ndarray:
    """(n, d) of what a block gives for a batch: places (n, d, h, w) or tokens are averaged."""
    value = value.detach().float()
    if value.ndim == 4:
        value = value.mean((2, 3))
    elif value.ndim == 3:
        value = value.mean(0 if tokens_first else 1)
    return value.cpu().numpy()


def _mean(value: torch.Tensor) -> np.ndarray:
    """(1, d) of what a block gives for one picture (..., d)."""
    return value.detach().float().reshape(-1, value.shape[-1]).mean(0, keepdim=True).cpu().numpy()


def _joined(parts: Parts) -> dict[str, np.ndarray]:
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def blocks(tower: nn.Module) -> list[tuple[str, nn.Module]]:
    """The blocks of a tower, by name, in order: the members of its outermost lists of modules; of a tower without one,
    its own parts."""
    lists: dict[str, nn.Module] = {
        name: module
        for name, module in cast("Iterable[tuple[str, nn.Module]]", tower.named_modules())
        if isinstance(module, nn.ModuleList | nn.Sequential) and len(module) > 1
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
