"""Trains the heads of the mini encoder and writes them, with its golden values, into resources/models/mini.

    python -m benchmarks.train_mini                  # a few minutes on two cores; deterministic for a seed
    python -m benchmarks.train_mini --held-out 150   # writes nothing; says how well classes never seen are told

What is learnt from: the names and definitions of the ImageNet classes (as timm ships them) against the rows of
EfficientNet's classifier, the train split of easy-VQA, and pictures drawn here. No photograph is used, nor the test
split. A classifier row stands for images of its class: pushing the mean feature along it gives class probabilities
such as an image of that class would have. Most often the class's own probability is then struck out, so that the heads
learn to tell a thing by what it resembles, which is what they must do for things that ImageNet does not name.
"""

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.mini_data import (
    Captions,
    Choices,
    ClassSpace,
    Pictures,
    draw_natural,
    embed_texts,
    features,
    read_pictures,
    write_captions,
)
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import GOLDEN, GOLDEN_TEXTS, Encoder, golden_images
from resources.models.encoder_source import find_source
from resources.models.encoder_tokens import MiniTokens
from resources.models.mini.files import HEADS
from resources.models.mini.model import CLASSES, DIM, TEXT_WIDTH, ImageHead, MiniClip, TextHead
from resources.models.mini.towers import text_tokenizer


@dataclass
class Heads:
    """The two heads, and the scale and offset that turn a cosine into the log-odds of a statement."""

    image: ImageHead
    text: TextHead
    slope: nn.Parameter
    offset: nn.Parameter

    def parameters(self) -> list[nn.Parameter]:
        return [*self.image.parameters(), *self.text.parameters(), self.slope, self.offset]


def first_heads(captions: Captions, pooled: Tensor) -> Heads:
    """ConSE: the class table holds the names' vectors, and texts go through the same projection, onto the names'
    principal axes; the MLPs begin small."""
    rows = [
        at
        for at, text in enumerate(captions.texts)
        if text.startswith("a photo of a") and len(captions.classes[at]) == 1
    ]
    named = torch.zeros(CLASSES, TEXT_WIDTH)
    for at in rows:
        named[captions.classes[at][0]] = captions.vectors[at]
    mean = named.mean(0)
    axes = torch.linalg.svd(named - mean, full_matrices=False).Vh[:DIM]
    heads = Heads(ImageHead(), TextHead(), nn.Parameter(torch.tensor(10.0)), nn.Parameter(torch.tensor(-3.0)))
    with torch.no_grad():
        heads.image.pooled_mean.copy_(pooled.mean(0))
        heads.image.pooled_scale.copy_(pooled.std(0) + 1e-3)
        heads.image.classes.weight.copy_(axes @ (named - mean).T)
        heads.image.classes.bias.zero_()
        heads.text.linear.weight.copy_(axes)
        heads.text.linear.bias.copy_(-axes @ mean)
        for last in (heads.image.pooled[2], heads.text.mlp[2]):
            last.weight.mul_(0.1)
            last.bias.zero_()
    return heads


def share_a_class(groups: Tensor) -> Tensor:
    """(n, n): the two captions name a class in common."""
    equal = groups[:, None, :, None] == groups[None, :, None, :]
    return (equal & (groups[:, None, :, None] >= 0)).flatten(2).any(2)


def train(
    captions: Captions, pictures: Pictures, natural: Tensor, choices: Choices, *, gen: torch.Generator
) -> tuple[Heads, ClassSpace]:
    """Fits the heads: captions among each other (InfoNCE), statements as true or false of pictures (logistic), each of
    the two worlds as untrue of the other, and the gate as shut for natural pictures."""
    space = ClassSpace(choices, gen)
    heads = first_heads(captions, torch.cat([pictures.pooled, natural]))
    start = (heads.image.classes.weight.detach().clone(), heads.text.linear.weight.detach().clone())
    optimiser = torch.optim.AdamW(heads.parameters(), lr=choices.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, choices.rate, total_steps=choices.steps, pct_start=0.1)
    groups = captions.groups
    for _ in range(choices.steps):
        at = torch.randint(0, len(groups), (choices.captions,), generator=gen)
        grain = natural[torch.randint(0, len(natural), (choices.captions,), generator=gen)]
        some = torch.randint(0, len(pictures.pooled), (choices.pictures,), generator=gen)
        image = functional.normalize(heads.image(space.draw(groups[at], struck=choices.struck), grain), dim=-1)
        text_vectors = functional.normalize(heads.text(functional.dropout(captions.vectors[at], choices.drop)), dim=-1)
        image_vectors = functional.normalize(heads.image(pictures.probabilities[some], pictures.pooled[some]), dim=-1)
        stated = functional.normalize(heads.text(pictures.statements), dim=-1)

        near = (choices.scale * image @ text_vectors.T).masked_fill(
            share_a_class(groups[at]) & ~torch.eye(len(at), dtype=torch.bool), -1e4
        )
        own = torch.arange(len(at))
        loss = (functional.cross_entropy(near, own) + functional.cross_entropy(near.T, own)) / 2
        loss = loss + statement_loss(heads.slope * image_vectors @ stated.T + heads.offset, pictures.truth[some])
        for foreign in (image_vectors @ text_vectors.T, image @ stated.T):
            loss = loss + 0.2 * functional.softplus(heads.slope * foreign + heads.offset).mean()
        shut, opened = gate(heads.image, grain), gate(heads.image, pictures.pooled[some])
        loss = loss + 0.3 * (functional.softplus(shut).mean() + functional.softplus(-opened).mean())
        moved = (heads.image.classes.weight - start[0]).square().sum() + (
            heads.text.linear.weight - start[1]
        ).square().sum()
        loss = loss + choices.anchor * moved
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    heads.image.eval()
    heads.text.eval()
    return heads, space


def gate(head: ImageHead, pooled: Tensor) -> Tensor:
    """Log-odds that the pooled activations count."""
    return head.gate(((pooled - head.pooled_mean) / head.pooled_scale).clamp(-6, 6))


def statement_loss(odds: Tensor, truth: Tensor) -> Tensor:
    """Logistic loss in which a statement's true and false pictures weigh the same."""
    often = truth.mean(0).clamp(0.02, 0.98)
    weight = torch.where(truth == 1, 0.5 / often, 0.5 / (1 - often))
    return (functional.binary_cross_entropy_with_logits(odds, truth, reduction="none") * weight).mean()


def auc(right: np.ndarray, wrong: np.ndarray) -> float:
    """Probability that a right pair scores above a wrong one."""
    ranks = np.concatenate([right, wrong]).argsort(kind="stable").argsort()[: len(right)] + 1
    return float((ranks.sum() - len(right) * (len(right) + 1) / 2) / (len(right) * len(wrong)))


def report_held_out(
    captions: Captions, pictures: Pictures, natural: Tensor, choices: Choices, *, held_out: int
) -> None:
    """Trains without some classes and a tenth of the pictures, and says how well those are told."""
    gen = torch.Generator().manual_seed(0)
    out = set(torch.randperm(CLASSES, generator=torch.Generator().manual_seed(99))[:held_out].tolist())
    known = [not out & set(named) for named in captions.classes]
    unseen = [at for at, named in enumerate(captions.classes) if set(named) <= out]
    cut = len(pictures.pooled) * 9 // 10
    part = Captions(
        [t for t, s in zip(captions.texts, known, strict=True) if s],
        [c for c, s in zip(captions.classes, known, strict=True) if s],
        captions.vectors[torch.tensor(known)],
    )
    head = Pictures(pictures.probabilities[:cut], pictures.pooled[:cut], pictures.statements, pictures.truth[:cut])
    heads, space = train(part, head, natural[60:], choices, gen=gen)
    chosen = torch.tensor(unseen)[torch.randperm(len(unseen), generator=gen)[:800]]
    groups = captions.groups[chosen]
    apart = ~share_a_class(groups).numpy()
    with torch.inference_mode():
        text_vectors = functional.normalize(heads.text(captions.vectors[chosen]), dim=-1)
        grain = natural[torch.arange(len(chosen)) % 60]
        for struck in (0.0, 1.0):
            image = functional.normalize(heads.image(space.draw(groups, struck=struck), grain), dim=-1)
            cosines = (image @ text_vectors.T).numpy()
            print(f"held-out classes, struck {struck:.0f}: AUC {auc(np.diag(cosines), cosines[apart]):.4f}")
        image_vectors = functional.normalize(heads.image(pictures.probabilities[cut:], pictures.pooled[cut:]), dim=-1)
        cosines = (image_vectors @ functional.normalize(heads.text(pictures.statements), dim=-1).T).numpy()
        truth = pictures.truth[cut:].numpy() == 1
        print(f"held-out pictures: AUC of statements {auc(cosines[truth], cosines[~truth]):.4f}")


def write(heads: Heads, folder: Path) -> None:
    """Heads as float16, and the golden values of the encoder made of them."""
    named = {f"visual.head.{name}": tensor for name, tensor in heads.image.state_dict().items()}
    named |= {f"text.proj.{name}": tensor for name, tensor in heads.text.state_dict().items()}
    named = {name: tensor.half().contiguous() for name, tensor in named.items()}
    safetensors.torch.save_file(named, folder / HEADS.name)
    encoder = Encoder(
        MiniClip(named),
        MiniTokens(text_tokenizer()),
        find_source(EncoderSettings()).preprocessing,
        identity="mini",
        device=torch.device("cpu"),
        precision="fp32",
    )
    golden = {"image": encoder.encode_images(golden_images()), "text": encoder.encode_texts(GOLDEN_TEXTS)}
    safetensors.numpy.save_file({name: v.astype(np.float16) for name, v in golden.items()}, folder / GOLDEN.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", type=int, default=0, metavar="CLASSES")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    started = time.perf_counter()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(asked.seed)
    rng = np.random.default_rng(asked.seed)
    captions = write_captions(random.Random(asked.seed))  # noqa: S311
    captions.vectors = embed_texts(captions.texts)
    print(f"{len(captions.texts)} captions embedded after {time.perf_counter() - started:.0f} s", flush=True)
    pictures = read_pictures()
    _, natural = features([draw_natural(rng) for _ in range(240)])
    print(
        f"{len(pictures.pooled)} pictures and 240 drawn ones seen after {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    if asked.held_out:
        report_held_out(captions, pictures, natural, Choices(), held_out=asked.held_out)
    else:
        heads, _ = train(captions, pictures, natural, Choices(), gen=torch.Generator().manual_seed(asked.seed))
        write(heads, HEADS.parent)
    print(f"done after {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
