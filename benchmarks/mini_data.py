"""What the heads of the mini encoder are trained on (benchmarks/train_mini.py): captions, class probabilities of images
never seen, easy-VQA's train split, and pictures of nothing."""

import random
from dataclasses import dataclass, field

import easy_vqa
import numpy as np
import timm
import torch
from PIL import Image
from timm.data import ImageNetInfo
from torch import Tensor
from torch.nn import functional

from ops.text.statements import make_statement
from resources.models.encoder_tokens import MiniTokens
from resources.models.mini.files import tower_files
from resources.models.mini.model import CLASSES, SOFTENING, TEXT_WIDTH, ImageTower
from resources.models.mini.towers import text_tokenizer, text_trunk
from resources.models.preprocessing import Preprocessing

SINGLE_CLASS = (
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
        own = [template.format(name) for name in names[c][:4] for template in rng.sample(SINGLE_CLASS, 4)]
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
    pairs = []
    with torch.inference_mode():
        for at in range(0, len(pictures), 8):
            pixels = torch.from_numpy(np.stack(pictures[at : at + 8])).permute(0, 3, 1, 2).float() / 127.5 - 1
            pairs.append(tower.features(pixels.to(memory_format=torch.channels_last)))
    return torch.cat([p for p, _ in pairs]), torch.cat([q for _, q in pairs])


def read_pictures() -> Pictures:
    """The train split: every statement that its questions make, and whether it holds, for each picture of which shape
    and colour follow from its questions."""
    questions, answers, ids = easy_vqa.get_train_questions()
    known: dict[int, set[str]] = {}
    for question, answer, picture in zip(questions, answers, ids, strict=True):
        known.setdefault(picture, set()).update(words_that_hold(question, answer))
    whole = {one: words for one, words in known.items() if words & set(COLOURS) and words & set(SHAPES)}
    statements = {make_statement(q, a).text: (q, a) for q, a in zip(questions, answers, strict=True)}
    order = sorted(whole)
    truth = [[holds(q, a, whole[one]) for _, (q, a) in sorted(statements.items())] for one in order]
    paths, prepare = easy_vqa.get_train_image_paths(), Preprocessing()
    pixels = []
    for picture in order:
        with Image.open(paths[picture]) as image:
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
