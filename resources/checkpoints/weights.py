"""Tensors of a checkpoint, as trainers leave them: one file or several, whole or an adapter. Nothing is unpickled but
tensors, and no code of a checkpoint is run."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import safetensors
import torch

from resources.checkpoints.errors import CheckpointError
from resources.models.encoder_source import file_hash
from resources.models.model_files import INDEX, check_folder, read_object

ADAPTER = "adapter_config.json"
_KNOWN = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)
_ADAPTER_FILES = ("adapter_model.safetensors", "adapter_model.bin")
#: A module's name, whole or its end. PEFT takes it for a regular expression, which a stranger's file may make endless.
_PLAIN = re.compile(r"[\w.]+")
#: Under which trainers put the tensors beside an optimizer's.
_INNER = ("state_dict", "model", "module")


def _named(loaded: object) -> Mapping[object, object] | None:
    """What is stored by name, within what a trainer put beside it; None where there are no names."""
    if not isinstance(loaded, dict):
        return None
    named = cast("dict[object, object]", loaded)
    inner = (_named(named.get(name)) for name in _INNER)
    return next((tensors for tensors in inner if tensors is not None), named)


class Tensors(Mapping[str, torch.Tensor]):
    """Tensors by name, read when they are asked for: of a whole model's, a tower's are few."""

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}
        self._loaded: dict[str, torch.Tensor] = {}

    def add(self, file: Path) -> None:
        """The tensors of a file. CheckpointError where it holds anything else."""
        try:
            if file.suffix == ".safetensors":
                with safetensors.safe_open(file, "pt") as opened:
                    self._files |= dict.fromkeys(opened.keys(), file)
                return
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # Whatever broken bytes make the readers raise; torch's advice is to run them.
            raise CheckpointError(
                f"{file} is no file of plain tensors ({type(error).__name__}), and whatever else it may hold is not "
                "run; save the weights as safetensors"
            ) from None
        named = _named(loaded)
        if named is None:
            raise CheckpointError(f"{file} holds a {type(loaded).__name__}, no tensors by name; save a state dict")
        self._loaded |= {str(name): value for name, value in named.items() if isinstance(value, torch.Tensor)}

    def __getitem__(self, name: str) -> torch.Tensor:
        if name in self._loaded:
            return self._loaded[name]
        with safetensors.safe_open(self._files[name], "pt") as opened:
            return opened.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._files, *self._loaded))

    def __len__(self) -> int:
        return len(self._files) + len(self._loaded)


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of a checkpoint by their names in it, and a hash of its files. An adapter's tensors are its own
    factors, with `scales` for each module that it changes."""

    path: Path
    tensors: Mapping[str, torch.Tensor]
    identity: str
    adapter: "Adapter | None" = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a LoRA adapter (Hu et al., 2022) is to be added: `scale` times the product of its factors."""

    rank: int
    alpha: float
    root_scaled: bool
    ranks: Mapping[str, int] = field(default_factory=dict[str, int])
    alphas: Mapping[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def of(cls, config: Mapping[str, Any], path: Path) -> "Adapter":
        """From PEFT's configuration. CheckpointError where it is of another kind."""
        kind, rank = config.get("peft_type"), config.get("r")
        if kind != "LORA" or config.get("use_dora"):
            raise CheckpointError(
                f"{path}: an adapter of the kind {kind} is not read; merge it and name the whole model"
            )
        ranks, alphas = dict(config.get("rank_pattern") or {}), dict(config.get("alpha_pattern") or {})
        if unclear := [name for name in (*ranks, *alphas) if not _PLAIN.fullmatch(name)]:
            raise CheckpointError(
                f"{path}: {unclear[0]!r} names modules by a pattern, which is not read; merge the adapter and name the "
                "whole model"
            )
        if not isinstance(rank, int) or rank < 1:
            raise CheckpointError(f"{path}: r is {rank!r}; put the configuration there that was saved with the adapter")
        return cls(
            rank=rank,
            alpha=float(config.get("lora_alpha") or rank),
            root_scaled=bool(config.get("use_rslora")),
            ranks=ranks,
            alphas=alphas,
        )

    def scale(self, module: str) -> float:
        """By which the product of the module's factors is multiplied."""
        dotted = f".{module}"
        rank = next((rank for name, rank in self.ranks.items() if dotted.endswith(f".{name}")), self.rank)
        alpha = next((alpha for name, alpha in self.alphas.items() if dotted.endswith(f".{name}")), self.alpha)
        return alpha / (math.sqrt(rank) if self.root_scaled else rank)


def read_weights(path: Path) -> Weights:
    """From a file of tensors, or a folder as open_clip, transformers or PEFT write it. CheckpointError where it cannot
    be read."""
    if path.is_dir():
        check_folder(path)
        adapter = Adapter.of(read_object(path / ADAPTER), path / ADAPTER) if (path / ADAPTER).exists() else None
        files = _adapter_files(path) if adapter else _files(path)
    elif path.is_file():
        adapter, files = None, [path]
    else:
        raise CheckpointError(f"{path} is not there; name a file of weights or the folder of a checkpoint")
    tensors = Tensors()
    for file in files:
        tensors.add(file)
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors; name the file or folder with the weights")
    identity = hashlib.sha256("".join(map(file_hash, files)).encode()).hexdigest()[:16]
    return Weights(path, tensors, identity, adapter)


def _files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if index.exists():
        named = sorted(set(map(str, dict(read_object(index).get("weight_map") or {}).values())))
        absent = [name for name in named if name != Path(name).name or not (folder / name).is_file()]
        if absent or not named:
            raise CheckpointError(f"{index} names {absent[:3] or 'no file'}; put the shards beside it")
        return [folder / name for name in named]
    whole = [folder / name for name in _KNOWN if (folder / name).is_file()]
    others = sorted(folder.glob("*.safetensors")) or sorted([*folder.glob("*.pt"), *folder.glob("*.bin")])
    files = whole[:1] or others
    if not files:
        raise CheckpointError(f"{folder} holds no weights; looked for {INDEX}, *.safetensors, *.bin and *.pt")
    return files


def _adapter_files(folder: Path) -> list[Path]:
    files = [folder / name for name in _ADAPTER_FILES if (folder / name).is_file()]
    if not files:
        raise CheckpointError(
            f"{folder} has {ADAPTER}, but neither of {', '.join(_ADAPTER_FILES)}; save the adapter anew"
        )
    return files[:1]
