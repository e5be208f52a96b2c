"""Settings of the encoder and of embedding; apart from the code they steer, so that reading them needs no torch."""

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Which image-text encoder measures grounding, and where it runs."""

    model: str = "mini"
    """`mini` (shipped), an open_clip model name, `hf-hub:ORG/NAME`, or `local-dir:PATH`."""
    pretrained: str | None = None
    """An open_clip tag of pretrained weights, or the path of a checkpoint; None for references that say it all."""
    device: str = "auto"
    """`auto` (the cluster's GPUs where it has any), `cpu`, `cuda` (the cluster's GPUs) or `cuda:N` (this one of the
    machine that starts the run)."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """`auto` is bf16 where `device` names a GPU, or where it is `auto` and the machine that starts the run has one;
    else fp32."""
    compile: bool = False
    """Let PyTorch compile the image tower: half a minute to minutes at the start of each worker."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device, re.ASCII):
            raise ValueError(f"device is {self.device!r}; it must be auto, cpu, cuda or cuda:N, such as cuda:1")


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """How embeddings are made. None of these change a vector; `bank_size` changes what margins are measured against."""

    bank_size: int = 256
    """Images, and texts, of a delivery that stand for "some other image" and "some other text"."""
    image_batch: int = 32
    """Images encoded at once."""
    text_batch: int = 128
    """Texts encoded at once."""
    slow_share: float = 0.25
    """Share of the speed that the same encoder had in earlier runs below which a run fails; 0 lets every speed pass."""

    def __post_init__(self) -> None:
        for name in ("bank_size", "image_batch", "text_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, but is {getattr(self, name)}")
        if not 0 <= self.slow_share < 1:
            raise ValueError(f"slow_share is {self.slow_share}; it must be at least 0 and less than 1")
