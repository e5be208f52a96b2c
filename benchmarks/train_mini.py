"""Trains the heads of the mini encoder and writes them, with its golden values, into resources/mini.

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
from dataclasses import dataclass, field
from pathlib import Path

import easy_vqa
import numpy as np
import safetensors.numpy
import safetensors.torch
import timm
import torch
from PIL import Image
from timm.data import ImageNetInfo
from torch import Tensor, nn
from torch.nn import functional

from ops.statements import make_statement
from resources.encoder import GOLDEN, GOLDEN_TEXTS, Encoder, golden_images
from resources.encoder_settings import EncoderSettings
from resources.encoder_source import find_source
from resources.encoder_tokens import MiniTokens
from resources.mini.files import HEADS, tower_files
from resources.mini.model import CLASSES, DIM, SOFTENING, TEXT_WIDTH, ImageHead, ImageTower, MiniClip, TextHead
from resources.mini.towers import text_tokenizer, text_trunk
from resources.preprocessing import Preprocessing

ONE = (
    "a photo of a {}.", "a {}.", "there is a {} in the picture.", "a close view of a {}.", "the {} is shown.",
    "a picture of a {} in a scene.", "several {}s together.", "a {} in front of a building.", "a {} on a table.",
    "a man with a {}.", "a {} standing outside.",
)  # fmt: skip
SEVERAL = (
    "a photo of a {} and a {}.", "a {} next to a {}.", "a {} near a {} and a {}.", "a {} in front of a {}.",
    "a picture of a {} with a {} in the background.", "there are a {}, a {} and a {}.",
    "a woman holding a {} beside a {}.",
)  # fmt: skip
MOST = 3
"""Classes in a caption at most."""
COLOURS = ("red", "green", "gray", "teal", "black", "yellow", "brown", "blue")
SHAPES = ("circle", "rectangle", "triangle")


@dataclass(frozen=True)
class Choices:
    """Chosen by the held-out classes and held-out train pictures alone."""

    steps: int = 700
    captions: int = 384
    pictures: int = 256
    rate: float = 1e-3
    drop: float = 0.5
    scale: float = 6.0
    struck: float = 0.8
    anchor: float = 0.01
    strength: tuple[float, float] = (0.5, 5.0)
    noise: float = 0.3


@dataclass
class Captions:
    """Texts, the classes that each names (n, MOST; -1 for none), and their MiniLM vectors."""

    texts: list[str] = field(default_factory=list)
    classes: list[tuple[int, ...]] = field(default_factory=list)
    vectors: Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def groups(self) -> Tensor:
        return torch.tensor([[*named, *[-1] * (MOST - len(named))] for named in self.classes])


@dataclass(frozen=True)
class Pictures:
    """easy-VQA's train pictures as the head sees them, its statements' vectors, and which are true (pictures,
    statements) of each."""

    probabilities: Tensor
    pooled: Tensor
    statements: Tensor
    truth: Tensor


def write_captions(rng: random.Random) -> Captions:
    """Each class's names in templates and its definition, and captions that name several classes."""
    info = ImageNetInfo()
    names = [[name.strip() for name in info.index_to_description(c).split(",")] for c in range(CLASSES)]
    made = Captions()
    for c in range(CLASSES):
        definition = info.index_to_description(c, detailed=True).split(": ", 1)[-1]
        own = [template.format(name) for name in names[c][:4] for template in rng.sample(ONE, 4)]
        own += [f"{definition}.", f"{names[c][0]}: {definition}", f"a photo of a {', '.join(names[c])}"]
        made.texts += own
        made.classes += [(c,)] * len(own)
    for _ in range(15_000):
        template = rng.choice(SEVERAL)
        named = rng.sample(range(CLASSES), template.count("{}"))
        made.texts.append(template.format(*(rng.choice(names[c][:3]) for c in named)))
        made.classes.append(tuple(named))
    return made


def embed_texts(texts: list[str]) -> Tensor:
    """MiniLM's mean tokens, of unit length."""
    trunk, tokenize = text_trunk(), MiniTokens(text_tokenizer())
    vectors = torch.zeros(len(texts), TEXT_WIDTH)
    with torch.inference_mode():
        for rows, tokens in tokenize(texts, 512):
            mask = tokens != 0
            states = trunk(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
            vectors[rows] = functional.normalize((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)
    return vectors


class ClassSpace:
    """Class probabilities of images that were never seen, from the classifier's rows."""

    def __init__(self, choices: Choices, gen: torch.Generator) -> None:
        model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        stored = torch.load(tower_files()[0], map_location="cpu", weights_only=True)
        model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
        weight, norm = model.classifier.weight.detach(), model.bn2
        # Batch normalisation keeps mean and spread of each channel over ImageNet; its ReLU6 of a normal variable.
        spread = norm.weight.detach() * torch.randn(4000, 1, generator=gen)
        mean = (norm.bias.detach() + spread).clamp(0, 6).mean(0)
        self.usual = weight @ mean + model.classifier.bias.detach()
        self.push = functional.normalize(weight, dim=1) @ weight.T
        self.choices, self.gen = choices, gen

    def draw(self, groups: Tensor, *, struck: float) -> Tensor:
        """(n, CLASSES) probabilities of one image for each group of classes; with probability `struck` one of its
        classes is not among them."""
        low, high = self.choices.strength
        there = (groups >= 0).float()
        share = (torch.rand(groups.shape, generator=self.gen) * 0.7 + 0.3) * there
        strength = low + (high - low) * torch.rand(len(groups), 1, generator=self.gen)
        share = strength * share / share.norm(dim=1, keepdim=True)
        logits = self.usual + torch.einsum("nk,nkc->nc", share, self.push[groups.clamp_min(0)])
        others = torch.randint(0, CLASSES, (len(groups), 16), generator=self.gen)
        amount = torch.randn(others.shape, generator=self.gen) * self.choices.noise
        logits += torch.einsum("nk,nkc->nc", amount, self.push[others])
        out = (torch.rand(groups.shape, generator=self.gen) < struck) & (groups >= 0)
        rows, places = torch.nonzero(out, as_tuple=True)
        logits[rows, groups[rows, places]] = -1e4
        return (logits / SOFTENING).softmax(-1)


def draw_natural(rng: np.random.Generator, side: int = 224) -> np.ndarray:
    """Dead leaves under 1/f grain: pictures of nothing with the edges, shades and contrasts of photographs."""
    y, x = np.mgrid[:side, :side]
    picture = np.tile(rng.uniform(0, 255, 3), (side, side, 1))
    for _ in range(int(rng.integers(20, 250))):
        radius = np.clip(side * 0.02 * rng.pareto(1.5) + 2, 2, side * 0.6)
        (cx, cy), aspect, angle = rng.uniform(-20, side + 20, 2), rng.uniform(0.3, 1), rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / aspect
        leaf = u**2 + v**2 < radius**2 if rng.random() < 0.6 else np.maximum(abs(u), abs(v)) < radius
        shade = 1 + rng.normal(0, 0.3) * u / radius
        colour = np.clip(rng.normal(rng.uniform(40, 210), 35, 3), 0, 255)
        picture[leaf] = (colour * shade[..., None])[leaf]
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    frequency[0, 0] = 1
    grain = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) / frequency ** rng.uniform(0.7, 1.3)).real
    picture = picture + (grain / grain.std())[..., None] * rng.uniform(0, 25)
    picture += rng.normal(0, rng.uniform(0, 8), picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def features(pictures: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """What the image head sees of prepared pictures."""
    tower = ImageTower().eval()
    tower.trunk.to(memory_format=torch.channels_last)
    found = []
    with torch.inference_mode():
        for at in range(0, len(pictures), 8):
            pixels = torch.from_numpy(np.stack(pictures[at : at + 8])).permute(0, 3, 1, 2).float() / 127.5 - 1
            found.append(tower.features(pixels.to(memory_format=torch.channels_last)))
    return torch.cat([p for p, _ in found]), torch.cat([q for _, q in found])


def read_pictures() -> Pictures:
    """The train split: every statement that its questions make, and whether it holds, for each picture of which shape
    and colour follow from its questions."""
    questions, answers, ids = easy_vqa.get_train_questions()
    known: dict[int, set[str]] = {}
    for question, answer, one in zip(questions, answers, ids, strict=True):
        known.setdefault(one, set()).update(words_that_hold(question, answer))
    whole = {one: words for one, words in known.items() if words & set(COLOURS) and words & set(SHAPES)}
    statements = {make_statement(q, a).text: (q, a) for q, a in zip(questions, answers, strict=True)}
    order = sorted(whole)
    truth = [[holds(q, a, whole[one]) for _, (q, a) in sorted(statements.items())] for one in order]
    paths, prepare = easy_vqa.get_train_image_paths(), Preprocessing()
    pixels = []
    for one in order:
        with Image.open(paths[one]) as image:
            pixels.append(prepare.pixels(image.convert("RGB")))
    return Pictures(*features(pixels), embed_texts(sorted(statements)), torch.tensor(truth, dtype=torch.float32))


def _parts(question: str, answer: str) -> tuple[set[str], bool]:
    """Colours and shapes that are spoken of, and whether the statement says that they are there."""
    words = set(question.rstrip("?").split())
    denies = bool(words & {"not", "no"}) != (answer == "no")
    return (words | {answer}) & {*COLOURS, *SHAPES}, not denies


def words_that_hold(question: str, answer: str) -> set[str]:
    """What the answer says of the picture's colour and shape."""
    spoken, affirmed = _parts(question, answer)
    return spoken if affirmed else set()


def holds(question: str, answer: str, words: set[str]) -> bool:
    """Whether the answer is true of a picture of which these words hold."""
    spoken, affirmed = _parts(question, answer)
    return (spoken <= words) == affirmed


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
        said = functional.normalize(heads.text(functional.dropout(captions.vectors[at], choices.drop)), dim=-1)
        shown = functional.normalize(heads.image(pictures.probabilities[some], pictures.pooled[some]), dim=-1)
        stated = functional.normalize(heads.text(pictures.statements), dim=-1)

        near = (choices.scale * image @ said.T).masked_fill(
            share_a_class(groups[at]) & ~torch.eye(len(at), dtype=torch.bool), -1e4
        )
        own = torch.arange(len(at))
        loss = (functional.cross_entropy(near, own) + functional.cross_entropy(near.T, own)) / 2
        loss = loss + statement_loss(heads.slope * shown @ stated.T + heads.offset, pictures.truth[some])
        for foreign in (shown @ said.T, image @ stated.T):
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
    seen = [not out & set(named) for named in captions.classes]
    unseen = [at for at, named in enumerate(captions.classes) if set(named) <= out]
    cut = len(pictures.pooled) * 9 // 10
    part = Captions(
        [t for t, s in zip(captions.texts, seen, strict=True) if s],
        [c for c, s in zip(captions.classes, seen, strict=True) if s],
        captions.vectors[torch.tensor(seen)],
    )
    head = Pictures(pictures.probabilities[:cut], pictures.pooled[:cut], pictures.statements, pictures.truth[:cut])
    heads, space = train(part, head, natural[60:], choices, gen=gen)
    chosen = torch.tensor(unseen)[torch.randperm(len(unseen), generator=gen)[:800]]
    groups = captions.groups[chosen]
    apart = ~share_a_class(groups).numpy()
    with torch.inference_mode():
        said = functional.normalize(heads.text(captions.vectors[chosen]), dim=-1)
        grain = natural[torch.arange(len(chosen)) % 60]
        for struck in (0.0, 1.0):
            image = functional.normalize(heads.image(space.draw(groups, struck=struck), grain), dim=-1)
            cosines = (image @ said.T).numpy()
            print(f"held-out classes, struck {struck:.0f}: AUC {auc(np.diag(cosines), cosines[apart]):.4f}")
        shown = functional.normalize(heads.image(pictures.probabilities[cut:], pictures.pooled[cut:]), dim=-1)
        cosines = (shown @ functional.normalize(heads.text(pictures.statements), dim=-1).T).numpy()
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
