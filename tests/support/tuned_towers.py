"""The mini encoder's image tower, fine-tuned on photos: on their own captions, on others', or on any at all."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch.nn.functional import cross_entropy, normalize

from ops.core.identity import image_id
from resources.checkpoints.probes import Probe
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import Encoder, load_encoder

_BATCH, _LOGIT_SCALE = 16, 20.0


class PhotoTuning:
    """Photos with captions, the first of which is kept for probes and the rest trained on."""

    def __init__(self, photos: Path, encoder: Encoder) -> None:
        rows = [json.loads(line) for line in (photos / "captions.jsonl").read_text("utf-8").splitlines()]
        files = [(photos / row["image"]).read_bytes() for row in rows]
        self.encoder = encoder
        self.probes = [
            Probe(image_id(data), data, row["captions"][0], "photos") for data, row in zip(files, rows, strict=True)
        ]
        self.captions = [row["captions"][1:] for row in rows]
        self.pixels = torch.from_numpy(np.stack([encoder.preprocessing.pixels(probe.image) for probe in self.probes]))

    def own(self, chance: np.random.Generator) -> np.ndarray:
        """For each photo the photo whose captions it is trained on: itself."""
        return np.arange(len(self.probes))

    def another(self, chance: np.random.Generator) -> np.ndarray:
        """Always the same other one: a join that slipped."""
        return np.roll(np.arange(len(self.probes)), 7)

    def any(self, chance: np.random.Generator) -> np.ndarray:
        """Another one each time: answers that ignore the picture."""
        return chance.permutation(len(self.probes))

    def tuned(
        self, whose: Callable[[np.random.Generator], np.ndarray], *, rate: float, steps: int
    ) -> dict[str, torch.Tensor]:
        """Weights of the model after contrastive steps on its image tower alone."""
        torch.manual_seed(0)
        chance = np.random.default_rng(0)
        model = copy.deepcopy(self.encoder.model)
        model.visual.requires_grad_(True)
        texts = [torch.from_numpy(self.encoder.encode_texts(captions)) for captions in self.captions]
        optimizer = torch.optim.AdamW(model.visual.parameters(), lr=rate)
        for _ in range(steps):
            batch = chance.permutation(len(self.probes))[:_BATCH]
            others = whose(chance)[batch]
            wanted = torch.stack([texts[other][chance.integers(len(texts[other]))] for other in others])
            images = (self.pixels[batch].permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
            logits = _LOGIT_SCALE * normalize(model.encode_image(images), dim=-1) @ wanted.T
            loss = cross_entropy(logits, torch.arange(len(batch)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model.state_dict()


def mini_encoder() -> Encoder:
    return load_encoder(EncoderSettings(device="cpu", precision="fp32"))


def save(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path
