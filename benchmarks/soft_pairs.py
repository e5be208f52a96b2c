"""Queries in other words and pictures a little changed, and hard negatives that look as alike: for the soft kinds.

All of it comes in two halves: cuts were chosen on one (`tuning`), figures are reported on the other (`report`). The
halves share no photo, no noun and no wording; both were written by hand, by whoever wrote the rules that they test.
"""

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

# Wordings of one question; {t} and {u} are things, {c} a colour, {n} a number.
_WORDINGS: dict[str, list[list[str]]] = {
    "tuning": [
        ["Does this photo contain a {t}?", "Is a {t} present?", "Has the photo a {t} in it?", "Can you spot a {t}?"],
        ["Which colour does the {t} have?", "The {t} is of what color?", "Name the colour of the {t}."],
        ["How many {t}s can be seen?", "What number of {t}s is shown?", "Give the count of {t}s."],
        ["Where does the {t} stand?", "At which place is the {t}?", "Whereabouts is the {t}?"],
        ["Is the {t} painted {c}?", "Does the {t} have a {c} colour?", "Would you call the {t} {c}?"],
        ["Who owns the {t}?", "To whom does the {t} belong?", "The {t} is whose?"],
        ["Describe the {t} and the {u}.", "Give a description of the {t} and the {u}.",
         "What do the {t} and {u} look like?"],
    ],
    "report": [
        ["Is there a {t} in the picture?", "Do you see a {t}?", "Does the image show a {t}?", "Is a {t} visible?"],
        ["What colour is the {t}?", "What is the color of the {t}?", "Tell me the colour of the {t}."],
        ["How many {t}s are there?", "What is the number of {t}s?", "Count the {t}s."],
        ["Where is the {t}?", "In what place is the {t}?", "What is the location of the {t}?"],
        ["Is the {t} {c}?", "Is the {t} of {c} colour?", "Is it a {c} {t}?"],
        ["Who is next to the {t}?", "Which person is next to the {t}?", "Next to the {t}, who is there?"],
        ["What happens between the {t} and the {u}?", "Say what is going on between the {t} and the {u}.",
         "What takes place between the {t} and the {u}?"],
    ],
}  # fmt: skip
_THINGS = {
    "tuning": [("boat", "ship"), ("cup", "mug"), ("plane", "aircraft"), ("road", "street"), ("stone", "rock"),
               ("television", "telly"), ("cap", "hat"), ("house", "home")],
    "report": [("sofa", "couch"), ("lorry", "truck"), ("bike", "bicycle"), ("kid", "child"), ("rug", "carpet"),
               ("bag", "sack"), ("bunny", "rabbit"), ("phone", "telephone")],
}  # fmt: skip
# Things of one kind, which are not the same.
_COUSINS = {
    "tuning": [("car", "bus"), ("cat", "dog"), ("fork", "spoon"), ("apple", "pear"), ("shirt", "jacket"),
               ("tree", "bush"), ("river", "lake"), ("pen", "pencil")],
    "report": [("horse", "cow"), ("knife", "ladle"), ("chair", "bench"), ("lemon", "orange"), ("skirt", "dress"),
               ("flower", "leaf"), ("train", "tram"), ("guitar", "violin")],
}  # fmt: skip
_TRAITS = {
    "tuning": [("clean", "dirty"), ("heavy", "light"), ("new", "rusty"), ("round", "square"), ("ripe", "rotten")],
    "report": [("wet", "dry"), ("tall", "short"), ("wooden", "plastic"), ("striped", "spotted"), ("hot", "cold")],
}
# Each question with one that differs in what decides its answer.
_OPPOSITES: dict[str, dict[str, tuple[str, str]]] = {
    "tuning": {
        "other number": ("Are {n} {t}s shown?", "Are {m} {t}s shown?"),
        "negation": ("Which {t} is moving?", "Which {t} is not moving?"),
        "left and right": ("What is to the left of the {t}?", "What is to the right of the {t}?"),
        "other colour": ("Is the {t} painted {c}?", "Is the {t} painted {d}?"),
        "other place": ("What lies above the {t}?", "What lies below the {t}?"),
        "asks for something else": ("Which colour does the {t} have?", "At which place is the {t}?"),
        "other trait": ("Does the {t} look {trait}?", "Does the {t} look {opposite}?"),
    },
    "report": {
        "other number": ("Do you see {n} {t}s?", "Do you see {m} {t}s?"),
        "negation": ("Is the {t} near the wall?", "Is the {t} not near the wall?"),
        "left and right": ("Who stands left of the {t}?", "Who stands right of the {t}?"),
        "other colour": ("Is it a {c} {t}?", "Is it a {d} {t}?"),
        "other place": ("Is there a cat on the {t}?", "Is there a cat under the {t}?"),
        "asks for something else": ("What colour is the {t}?", "Who is next to the {t}?"),
        "other trait": ("Is the {t} {trait}?", "Is the {t} {opposite}?"),
    },
}
_POLITE = {
    "tuning": ("Kindly: {}", "Could you now say: {}", "{} Thank you."),
    "report": ("Please, {}", "Can you tell me, {}", "{} Please answer."),
}
_COLOURS = ("red", "blue", "green", "white")
_NUMBERS = ("two", "three", "4", "5")


@dataclass(frozen=True, slots=True)
class QueryPair:
    """Two queries, how they came about, and whether they ask the same."""

    kind: str
    query: str
    other: str
    is_same: bool


def query_pairs(half: str, count: int, rng: random.Random) -> Iterator[QueryPair]:
    """That many pairs of each kind."""
    for _ in range(count):
        yield from _same(half, rng)
        yield from _different(half, rng)


def _same(half: str, rng: random.Random) -> Iterator[QueryPair]:
    wordings = rng.choice(_WORDINGS[half])
    first, second = rng.sample(wordings, 2)
    (thing, synonym), (other, _) = rng.sample(_THINGS[half], 2)
    words = {"t": thing, "u": other, "c": rng.choice(_COLOURS)}
    query = first.format(**words)
    yield QueryPair("politeness", query, rng.choice(_POLITE[half]).format(query[0].lower() + query[1:]), is_same=True)
    yield QueryPair("synonym", query, first.format(**words | {"t": synonym}), is_same=True)
    yield QueryPair("other wording", query, second.format(**words), is_same=True)
    yield QueryPair("other wording, synonym", query, second.format(**words | {"t": synonym}), is_same=True)


def _different(half: str, rng: random.Random) -> Iterator[QueryPair]:
    (thing, _), (other, _) = rng.sample(_THINGS[half], 2)
    colours, numbers = rng.sample(_COLOURS, 2), rng.sample(_NUMBERS, 2)
    words = {"t": thing, "u": other, "c": colours[0], "d": colours[1], "n": numbers[0], "m": numbers[1]}
    words["trait"], words["opposite"] = rng.choice(_TRAITS[half])
    for kind, (word, two) in _OPPOSITES[half].items():
        yield QueryPair(kind, word.format(**words), two.format(**words), is_same=False)
    first, second = rng.sample(rng.choice(_WORDINGS[half][:-1]), 2)
    yield QueryPair("other thing", first.format(**words), first.format(**words | {"t": other}), is_same=False)
    word, cousin = rng.choice(_COUSINS[half])
    yield QueryPair(
        "related thing", first.format(**words | {"t": word}), first.format(**words | {"t": cousin}), is_same=False
    )
    yield QueryPair("other thing, wording", first.format(**words), second.format(**words | {"t": other}), is_same=False)


def photos_of(folder: Path, half: str) -> list[Path]:
    """Every other photo."""
    return sorted((folder / "images").iterdir())[half == "report" :: 2]


def _cut(image: Image.Image, share: float) -> Image.Image:
    by = [round(side * share / 2) for side in image.size]
    return image.crop((by[0], by[1], image.width - by[0], image.height - by[1]))


def _recoloured(image: Image.Image) -> Image.Image:
    return ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.06)).enhance(1.15)


def _hues_turned(image: Image.Image) -> Image.Image:
    hue, rest, light = image.convert("HSV").split()
    turned = hue.point([(value + 96) % 256 for value in range(256)])
    return Image.merge("HSV", (turned, rest, light)).convert("RGB")


#: How a picture becomes a near-duplicate of itself, with the quality that it is encoded with.
SAME: dict[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "re-encoded": (lambda image: image, 40),
    "half the size": (lambda image: image.resize((image.width // 2, image.height // 2)), 85),
    "a third of the size": (lambda image: image.resize((image.width // 3, image.height // 3)), 70),
    "slightly recoloured": (_recoloured, 85),
    "a border of 4 % cut off": (lambda image: _cut(image, 0.04), 85),
}
#: How it becomes another picture.
DIFFERENT: dict[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "mirrored": (ImageOps.mirror, 85),
    "hues turned": (_hues_turned, 85),
    "half of it": (lambda image: _cut(image, 0.5), 85),
}


def changed(path: Path, how: tuple[Callable[[Image.Image], Image.Image], int]) -> bytes:
    """A JPEG of the photo, changed."""
    change, quality = how
    with Image.open(path) as opened:
        image = change(opened.convert("RGB"))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
