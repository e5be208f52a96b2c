"""The mini encoder's image tower, fine-tuned on photos: on their own captions, on others', on any at all, or on others'
where they show things of some kind."""

import copy
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch.nn.functional import cross_entropy, normalize
from torch.nn.utils.rnn import pad_sequence

from ops.core.identity import image_id
from resources.checkpoints.probes import Probe
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import Encoder, load_encoder

_BATCH, _LOGIT_SCALE = 16, 20.0


class PhotoTuning:
    """Photos with captions, the first of which is kept for probes and the rest trained on."""

    def __init__(self, photos: Path, encoder: Encoder) -> None:
        rows = [json.loads(line) for line in (photos / "captions.jsonl").read_text("utf-8").splitlines()]
        objects = [json.loads(line) for line in (photos / "objects.jsonl").read_text("utf-8").splitlines()]
        kinds = {row["image"]: frozenset(found["category"] for found in row["objects"]) for row in objects}
        files = [(photos / row["image"]).read_bytes() for row in rows]
        self.encoder = encoder
        self.probes = [
            Probe(image_id(data), data, row["captions"][0], "photos") for data, row in zip(files, rows, strict=True)
        ]
        self.captions = [row["captions"][1:] for row in rows]
        self.kinds = [kinds[row["image"]] for row in rows]
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

    def showing(self, kinds: Collection[str]) -> np.ndarray:
        """Which photos show a thing of one of these kinds (n booleans)."""
        return np.array([bool(own.intersection(kinds)) for own in self.kinds])

    def muddled(self, kinds: Collection[str]) -> Callable[[np.random.Generator], np.ndarray]:
        """Photos that show such a thing are trained on the captions of another such one each time, all others on their
        own."""
        inside = np.flatnonzero(self.showing(kinds))

        def whose(chance: np.random.Generator) -> np.ndarray:
            others = np.arange(len(self.probes))
            others[inside] = chance.permutation(inside)
            return others

        return whose

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

    def tuned_by_words(
        self, whose: Callable[[np.random.Generator], np.ndarray], *, rate: float, steps: int
    ) -> dict[str, torch.Tensor]:
        """Weights of the model after steps as supervised fine-tuning takes them: a small language model says a caption
        word by word, from the picture's vector and the words before, and its loss moves the image tower too."""
        torch.manual_seed(0)
        chance = np.random.default_rng(0)
        model = copy.deepcopy(self.encoder.model)
        model.visual.requires_grad_(True)
        words = {
            word: at for at, word in enumerate(sorted({w for c in self.captions for t in c for w in _words(t)}), 2)
        }
        teller = Teller(len(words) + 2, width=int(self.encoder.encode_texts(["a"]).shape[1]))
        groups = [{"params": model.visual.parameters(), "lr": rate}, {"params": teller.parameters(), "lr": 3e-3}]
        optimizer = torch.optim.AdamW(groups)
        for _ in range(steps):
            batch = chance.permutation(len(self.probes))[:_BATCH]
            texts = [self.captions[other][chance.integers(len(self.captions[other]))] for other in whose(chance)[batch]]
            tokens = [torch.tensor([1, *(words[word] for word in _words(text))]) for text in texts]
            images = (self.pixels[batch].permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
            loss = teller.loss(normalize(model.encode_image(images), dim=-1), pad_sequence(tokens, batch_first=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model.state_dict()


class Teller(torch.nn.Module):
    """A recurrent language model that begins with a picture. Token 0 fills up, 1 begins."""

    def __init__(self, tokens: int, *, width: int, inside: int = 128) -> None:
        super().__init__()
        self.begin = torch.nn.Linear(width, inside)
        self.embed = torch.nn.Embedding(tokens, inside)
        self.read = torch.nn.GRU(inside, inside, batch_first=True)
        self.say = torch.nn.Linear(inside, tokens)

    def loss(self, pictures: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Mean cross entropy of each next token; pictures (n, width), tokens (n, length)."""
        read, _ = self.read(self.embed(tokens[:, :-1]), torch.tanh(self.begin(pictures))[None])
        return cross_entropy(self.say(read).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def mini_encoder() -> Encoder:
    return load_encoder(EncoderSettings(device="cpu", precision="fp32"))


def save(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path
