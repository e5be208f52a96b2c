"""The image-text encoder: any open_clip model, or `mini`, which ships with the project and needs no network.

Weights are read as safetensors or with `weights_only=True`; no code of a model's repository is ever run
(resources/models/model_files.py).
"""

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np
import open_clip
import safetensors.numpy
import safetensors.torch
import torch
from open_clip.factory import load_checkpoint
from open_clip.model import CLIP, CustomTextCLIP
from PIL import Image
from torch import nn

from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder_patches import patches_of
from resources.models.encoder_source import (
    MINI,
    EncoderError,
    Source,
    device_of,
    encoder_identity,
    find_source,
    precision_of,
)
from resources.models.encoder_tokens import FixedTokens, MiniTokens, Tokenize
from resources.models.halving import in_halves
from resources.models.mini.files import HEADS
from resources.models.mini.model import MiniClip
from resources.models.mini.towers import text_tokenizer
from resources.models.model_files import no_model_code, own_code
from resources.models.preprocessing import Preprocessing

GOLDEN = HEADS.with_name("golden.safetensors")
GOLDEN_COSINE = 0.98
GOLDEN_TEXTS = ("A red circle.", "There is no dog in the picture.", "a plate of food on a wooden table", "42")
#: Images at once on a CPU (`python -m benchmarks.embed batches`): of a convolutional network a few, whose activations
#: fit the caches; a transformer is mostly products of matrices, which gain from more.
_CPU_CONVOLVED, _CPU_ATTENDED, _CPU_TOKENS = 4, 16, 512
_GPU_TOKENS = 16384
_RANDOM: Any = torch.random
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


#: What open_clip makes, and what `mini` is.
ClipModel = CLIP | CustomTextCLIP | open_clip.CoCa


class Encoder:
    """Images and texts to unit vectors of one space; (n, dim) float32 on the CPU."""

    def __init__(
        self,
        model: ClipModel,
        tokenize: Tokenize,
        preprocessing: Preprocessing,
        *,
        identity: str,
        device: torch.device,
        precision: str,
    ) -> None:
        self.model = model.to(device)
        self.tokenize = tokenize
        self.preprocessing = preprocessing
        self.identity = identity
        self.device = device
        self.precision = precision
        self.dtype = _DTYPES[precision]
        self.images_at_once = _cpu_images(self.model.visual) if device.type == "cpu" else None
        self.mean = torch.tensor(preprocessing.mean, device=device)[:, None, None]
        self.std = torch.tensor(preprocessing.std, device=device)[:, None, None]
        with torch.inference_mode():
            self.dim = int(self._encode_pixels(self._stack([Image.new("RGB", (32, 32))])).shape[1])

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB images of any size."""
        return self.encode_pixels(self._stack(images)) if images else np.zeros((0, self.dim), np.float32)

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """A stack of `preprocessing.pixels`."""
        at_once = self.images_at_once or max(len(pixels), 1)
        parts = [
            part
            for at in range(0, len(pixels), at_once)
            for part in in_halves(self._encode_pixels, pixels[at : at + at_once], noun="images")
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts of any length (cut where the model's context ends), packed by length."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        room = _CPU_TOKENS if self.device.type == "cpu" else _GPU_TOKENS
        for rows, tokens in self.tokenize(texts, room):
            with torch.inference_mode():
                vectors[rows] = _unit(self.model.encode_text(tokens.to(self.device)))
        return vectors

    def encode_patches(self, images: Sequence[Image.Image]) -> np.ndarray | None:
        """Unit vectors of the cells that tile each RGB image (n, rows, columns, dim), which is squashed to the shape
        that the encoder wants; None of an encoder that has none."""
        prepared = self.preprocessing
        tower = patches_of(self.model.visual, (prepared.height, prepared.width))
        if tower is None:
            return None
        patches, (height, width) = tower
        squashed = replace(prepared, resize_mode="squash", height=height, width=width)
        pixels = np.stack([squashed.pixels(image) for image in images])
        parts = in_halves(lambda some: _unit(patches(self._normalised(some))), pixels, noun="images")
        return np.concatenate(parts)

    def _stack(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.stack([self.preprocessing.pixels(image) for image in images])

    def _normalised(self, pixels: np.ndarray) -> torch.Tensor:
        batch = torch.as_tensor(pixels).to(self.device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        return ((batch - self.mean) / self.std).to(self.dtype, memory_format=torch.channels_last)

    def _encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        return _unit(self.model.encode_image(self._normalised(pixels)))


def _cpu_images(tower: nn.Module) -> int:
    # A transformer convolves once, where it cuts the picture into patches.
    convolutions = sum(isinstance(module, nn.Conv2d) for module in tower.modules())
    return _CPU_CONVOLVED if convolutions > 1 else _CPU_ATTENDED


def _unit(vectors: torch.Tensor) -> np.ndarray:
    return nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()


def load_encoder(settings: EncoderSettings) -> Encoder:
    """The encoder of the settings, on its device, checked (`golden_check`).

    EncoderError says what is wrong with the reference, and, where weights would have to be fetched and no network
    answers, how to point to a local checkpoint.
    """
    source = find_source(settings)
    device, precision = device_of(settings), precision_of(settings)
    if source.model == MINI:
        made = _mini(precision)
    else:
        with _quiet(), no_model_code(offline=source.model.startswith("local-dir:")):
            made = _open_clip(source, precision, device)
    identity = encoder_identity(settings)
    encoder = Encoder(*made, source.preprocessing, identity=identity, device=torch.device(device), precision=precision)
    if settings.compile:
        encoder.model.visual = torch.compile(encoder.model.visual)  # pyright: ignore[reportAttributeAccessIssue]
    golden_check(encoder)
    return encoder


def _mini(precision: str) -> tuple[ClipModel, Tokenize]:
    model = MiniClip(safetensors.torch.load_file(HEADS))
    # The heads stay in fp32: they cost nothing.
    model.visual.trunk.to(_DTYPES[precision]).to(memory_format=torch.channels_last)
    model.text.transformer.to(_DTYPES[precision])
    return model, MiniTokens(text_tokenizer())


def _open_clip(source: Source, precision: str, device: str) -> tuple[ClipModel, Tokenize]:
    tagged = (source.tag and open_clip.get_pretrained_cfg(source.model, source.tag)) or {}

    def create(precision: str) -> ClipModel:
        with _RANDOM.fork_rng(devices=[]):
            _RANDOM.manual_seed(0)
            model = open_clip.create_model(
                source.model,
                load_weights=False,
                precision=precision,
                device=device,
                force_quick_gelu=bool(tagged.get("quick_gelu")),
                pretrained_image=False,
                pretrained_text=False,
            )
        return cast("ClipModel", model)

    try:
        model = create(precision)
        if isinstance(model, open_clip.CoCa):
            # open_clip's mixed precision (3.3) leaves parts of it in fp32 that its other parts then refuse.
            model = create("fp32").to(_DTYPES[precision])
        if source.checkpoint is not None:
            load_checkpoint(model, str(source.checkpoint), weights_only=True)
        tokenizer = open_clip.get_tokenizer(source.model, **_untrusted(source.model))
    except Exception as error:
        where = source.checkpoint or source.model
        raise EncoderError(f"the encoder {source.label} cannot be built from {where}: {own_code(error)}") from error
    return model.eval().requires_grad_(False), FixedTokens(tokenizer)


def _untrusted(model: str) -> dict[str, Any]:
    # open_clip's own tokenizers do not know the argument, that of transformers asks at the terminal without it.
    text: dict[str, Any] = (open_clip.get_model_config(model) or {}).get("text_cfg", {})
    return {"trust_remote_code": False} if text.get("hf_tokenizer_name") else {}


@contextmanager
def _quiet() -> Generator[None]:
    """Without open_clip's warnings on the root logger that a model was made without weights: they are loaded next."""
    root = logging.getLogger()
    root.addFilter(_not_open_clip)
    try:
        yield
    finally:
        root.removeFilter(_not_open_clip)


def _not_open_clip(record: logging.LogRecord) -> bool:
    return "open_clip" not in record.pathname


def golden_check(encoder: Encoder) -> None:
    """Stops an encoder that is silently broken: EncoderError where vectors of drawn images and plain texts are not
    finite, of unit length and distinct, or, for mini, not those that were stored when it was made."""
    golden = {"image": encoder.encode_images(golden_images()), "text": encoder.encode_texts(GOLDEN_TEXTS)}
    stored = safetensors.numpy.load_file(GOLDEN) if encoder.identity.startswith(f"{MINI}-") else {}
    for modality, vectors in golden.items():
        problem = _problem(vectors, stored.get(modality))
        if problem:
            raise EncoderError(
                f"the encoder {encoder.identity} is broken on {encoder.device} in {encoder.precision}: its {modality} "
                f"vectors {problem}; set encoder.precision to fp32 or encoder.device to cpu, and if that does "
                "not help, install the packages again"
            )


def _problem(vectors: np.ndarray, stored: np.ndarray | None) -> str:
    if not np.isfinite(vectors).all():
        return "are not finite"
    if abs(np.linalg.norm(vectors, axis=1) - 1).max() > 1e-3:
        return "are not of unit length"
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    if cosines.max() > 0.99999:
        return "are the same for different inputs"
    if stored is None:
        return ""
    if stored.shape != vectors.shape:
        return f"have the shape {vectors.shape}, promised {stored.shape}"
    closest = float((vectors * stored.astype(np.float32)).sum(1).min())
    return (
        f"have a cosine of {closest:.4f} to those stored, at least {GOLDEN_COSINE} was promised"
        if (closest < GOLDEN_COSINE)
        else ""
    )


def golden_images() -> list[Image.Image]:
    """Four pictures drawn by arithmetic alone, so that no library's version changes them."""
    y, x = np.mgrid[:96, :96]
    disc = np.where(((x - 40) ** 2 + (y - 52) ** 2 < 900)[..., None], (220, 30, 30), (245, 245, 240))
    ramp = np.stack([x * 2, y * 2, 255 - x - y], -1)
    checks = np.where(((x // 12 + y // 12) % 2 == 0)[..., None], (20, 60, 200), (250, 220, 40))
    grain = np.stack([(x * 7919 + y * 104729 + c * 1299709) % 251 for c in range(3)], -1)
    return [Image.fromarray(picture.astype(np.uint8)) for picture in (disc, ramp, checks, grain)]
