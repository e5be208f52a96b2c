"""Does curation pay on photographs? A text head, learnt from captions of which some stand by another photo.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.downstream.photos --photos ../shared/data/photos --work FOLDER

Fixed before: the 51 photos are divided by their number; the captions of one half are a row each, and in 10 or 30 % of
the rows the photo is exchanged for another's. A text head of the mini encoder that knows nothing learns from the rows
by InfoNCE (captions of one photo are no negatives of each other), 60 steps of 64 rows; the image head is the shipped
one, towers are frozen. (To tune the shipped text head on so few captions makes it worse even where all are right.) Then
each caption of the other half picks its photo among those of that half: recall at 1, and the mean of 1 / rank.

`before` is untrained; `none` learns from all rows, `assay` from the rows and weights of the version that `assay run`
publishes with the shipped settings, `random` without as many rows drawn at random, `oracle` without the exchanged ones.
Ten seeds of first weights, batches and random removals on one draw of the exchanged rows; intervals are of the mean
over seeds (Student, 95 %). Rate and steps were chosen on sound captions of the first half alone.
"""

import argparse
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.downstream.curate import curated
from benchmarks.downstream.tables import percent
from benchmarks.mini_data import embed_texts, features
from resources.models.mini.files import HEADS
from resources.models.mini.model import LOGIT_SCALE, ImageHead, TextHead
from resources.models.preprocessing import Preprocessing

VARIANTS = ("none", "random", "assay", "oracle")
_STEPS, _ROWS, _RATE = 60, 64, 3e-4
_DATA_SEED = 11


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photos as the image head sees them, and captions as the text head does; `owners` (captions) are photos."""

    names: list[str]
    probabilities: Tensor
    pooled: Tensor
    texts: list[str]
    vectors: Tensor
    owners: Tensor


def halves(folder: Path) -> tuple[Captioned, Captioned]:
    """Those that are tuned on, and those that are tried."""
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
    return _captioned(folder, lines[::2]), _captioned(folder, lines[1::2])


def _captioned(folder: Path, lines: Sequence[dict[str, object]]) -> Captioned:
    names = [str(line["image"]) for line in lines]
    prepare = Preprocessing()
    pixels: list[np.ndarray] = []
    for name in names:
        with Image.open(folder / name) as image:
            pixels.append(prepare.pixels(image.convert("RGB")))
    probabilities, pooled = features(pixels)
    captions = [(at, str(caption)) for at, line in enumerate(lines) for caption in list(line["captions"])]
    texts = [caption for _, caption in captions]
    return Captioned(names, probabilities, pooled, texts, embed_texts(texts), torch.tensor([at for at, _ in captions]))


def exchanged(photos: Captioned, share: float) -> Tensor:
    """The photo of each row: those of some rows go round among them, so that each gets another."""
    rng = random.Random(_DATA_SEED)  # noqa: S311 - a seeded measurement
    shown_in = photos.owners.clone()
    rows = rng.sample(range(len(shown_in)), round(share * len(shown_in)))
    rows.sort(key=lambda row: int(photos.owners[row]))
    by = len(rows) // 2
    for row, other in zip(rows, rows[by:] + rows[:by], strict=True):
        shown_in[row] = photos.owners[other]
    return shown_in


def write_drop(folder: Path, photos: Captioned, shown_in: Tensor, source: Path) -> None:
    """A row a caption, in LLaVA's layout, unless the drop is there."""
    if folder.exists():
        return
    (folder / "images").mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for at, (text, photo) in enumerate(zip(photos.texts, shown_in.tolist(), strict=True)):
        image = f"images/{Path(photos.names[photo]).name}"
        shutil.copyfile(source / photos.names[photo], folder / image)
        turns = [("human", "<image>\nDescribe the image."), ("gpt", text)]
        rows.append({"id": f"c{at}", "image": image, "conversations": [{"from": w, "value": v} for w, v in turns]})
    (folder / "captions.json").write_text(json.dumps(rows), "utf-8")


class Heads:
    """The image head as it is shipped, and a text head that knows nothing yet."""

    def __init__(self) -> None:
        self.image, self.text = ImageHead(), TextHead()
        stored = safetensors.torch.load_file(HEADS)
        start = "visual.head."
        self.image.load_state_dict({n.removeprefix(start): t.float() for n, t in stored.items() if n.startswith(start)})
        self.image.requires_grad_(False)

    def cosines(self, photos: Captioned, texts: Tensor, pictures: Tensor) -> Tensor:
        """(texts, pictures) cosines of some captions with some photos."""
        spoken = functional.normalize(self.text(photos.vectors[texts]), dim=-1)
        looked = functional.normalize(self.image(photos.probabilities[pictures], photos.pooled[pictures]), dim=-1)
        return spoken @ looked.T


def tuned(photos: Captioned, shown_in: Tensor, weights: Tensor, seed: int) -> Heads:
    """The heads after tuning on the rows of weight above 0."""
    gen = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    heads = Heads()
    members = weights.nonzero()[:, 0]
    optimiser = torch.optim.AdamW(heads.text.parameters(), lr=_RATE, weight_decay=1e-2)
    for _ in range(_STEPS):
        rows = members[torch.randperm(len(members), generator=gen)[:_ROWS]]
        pictures = shown_in[rows]
        alike = (pictures[:, None] == pictures[None]) & ~torch.eye(len(rows), dtype=torch.bool)
        logits = (LOGIT_SCALE * heads.cosines(photos, rows, pictures)).masked_fill(alike, -1e4)
        own, weight = torch.arange(len(rows)), weights[rows]
        losses = sum(functional.cross_entropy(x, own, reduction="none") for x in (logits, logits.T))
        loss = (losses * weight).sum() / weight.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return heads


@torch.no_grad()
def retrieval(heads: Heads, photos: Captioned) -> tuple[float, float]:
    """Recall at 1, and the mean of 1 / rank, of the captions' own photos."""
    cosines = heads.cosines(photos, torch.arange(len(photos.texts)), torch.arange(len(photos.names)))
    own = cosines.gather(1, photos.owners[:, None])
    ranks = (cosines > own).sum(1) + 1
    return float((ranks == 1).float().mean()), float((1 / ranks).mean())


def compared(folder: Path, work: Path, seeds: int, shares: Sequence[float]) -> Iterator[str]:
    """Lines of a Markdown table."""
    known, tried = halves(folder)
    yield "| exchanged | done | rows | recall at 1, % | 1 / rank, % |"
    yield "|---|---|--:|--:|--:|"
    before = retrieval(Heads(), tried)
    yield f"| | before | | {100 * before[0]:.1f} | {100 * before[1]:.1f} |"
    for share in shares:
        shown_in, place = exchanged(known, share), work / f"photos-{share}"
        write_drop(place / "drop", known, shown_in, folder)
        version = curated(place)
        kept = torch.tensor([version.weights.get(f"c{at}", 0.0) for at in range(len(shown_in))])
        for variant in VARIANTS:
            results: list[tuple[float, float]] = []
            for seed in range(seeds):
                weights = _weights(variant, kept, shown_in == known.owners, seed)
                results.append(retrieval(tuned(known, shown_in, weights, seed), tried))
            figures = " | ".join(percent([one[at] for one in results]) for at in (0, 1))
            yield f"| {share:.0%} | {variant} | {int((weights > 0).sum())} | {figures} |"


def _weights(variant: str, kept: Tensor, sound: Tensor, seed: int) -> Tensor:
    if variant == "assay":
        return kept
    if variant == "oracle":
        return sound.float()
    weights = torch.ones(len(kept))
    if variant == "random":
        removed = int((kept == 0).sum())
        weights[torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))[:removed]] = 0
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.3])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for line in compared(options.photos, options.work, options.seeds, options.shares):
        print(line, flush=True)


if __name__ == "__main__":
    main()
