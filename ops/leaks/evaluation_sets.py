"""Evaluation sets: read in any input format, and indexed so that training examples can be looked up in them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from ops.core.canonical import canonical_query
from ops.core.identity import digest
from ops.core.turns import message_text
from ops.evidence.picture_table import Look
from ops.formats.containers.contract import Limits, Probe, Shard
from ops.formats.registry import container_of, format_of, trusting
from ops.formats.shard_rows import ImageReader, Outcome, outcomes
from ops.intake.decompression import plain_name
from ops.intake.drop import data_files, read_manifest
from ops.intake.drop_files import DropError, DropFiles, open_drop
from ops.intake.image_checks import check_image
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings
from ops.text.likeness import compared_pieces
from ops.vision.image_groups import HashIndex

_WORD = re.compile(r"\w+")
_PROBED = 50


@dataclass(frozen=True, slots=True)
class Item:
    """One question of an evaluation set: where it is from, its images (SHA-256 of their bytes), what those of them that
    decode look like, its questions as they are (`asked`) and as their words are compared, and their word n-grams."""

    benchmark: str
    source_id: str
    images: frozenset[str]
    looks: Mapping[str, Look]
    asked: tuple[str, ...]
    questions: frozenset[str]
    grams: frozenset[str]


@dataclass(frozen=True, slots=True)
class Index:
    """Items, and which of them has an image, a question or an n-gram."""

    items: tuple[Item, ...]
    by_image: Mapping[str, Sequence[int]]
    by_question: Mapping[str, Sequence[int]]
    by_gram: Mapping[str, Sequence[int]]
    looks: Sequence[Look]
    """Each look of the items once, in the order of `by_hash`; `by_look` says which items have it."""
    by_hash: HashIndex
    by_look: Mapping[Look, Sequence[int]]
    looks_by_image: Mapping[str, Look]
    """The images that decode, by id, in the order of their ids: those that an encoder can read."""
    texts: frozenset[str]
    """The texts that questions are compared by where an encoder compares them."""


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return _WORD.findall(canonical_query(text))


def grams(text: str, n: int) -> frozenset[str]:
    """The n-grams of a text's words; none where it has fewer than n."""
    own_words = words(text)
    return frozenset(" ".join(own_words[at : at + n]) for at in range(len(own_words) - n + 1))


def question(text: str) -> str:
    """A question as it is compared: its words alone, so that punctuation and layout do not matter."""
    return " ".join(words(text))


def stamp(path: str) -> str:
    """What changes when the files of an evaluation set do. DropError where there are none."""
    listing = open_drop(path).listing()
    if not data_files(listing):
        raise DropError(f"{path}: no file with questions is here")
    return digest(*(f"{info.name} {info.size} {info.stamp}" for info in listing), size=8)


@lru_cache(maxsize=4)
def index(sets: tuple[tuple[str, str, str], ...], n: int, distance: int) -> Index:
    """The index over evaluation sets, given as (name, path, stamp), for n-grams and perceptual hashes that differ in at
    most `distance` bits; built once a process.

    Raises DropError where a set has no readable question.
    """
    items = [item for name, path, _ in sets for item in _items(name, path, n)]
    by_image: dict[str, list[int]] = {}
    by_question: dict[str, list[int]] = {}
    by_gram: dict[str, list[int]] = {}
    by_look: dict[Look, list[int]] = {}
    for at, item in enumerate(items):
        for keys, known in ((item.images, by_image), (item.questions, by_question), (item.grams, by_gram)):
            for key in keys:
                known.setdefault(key, []).append(at)
        for look in dict.fromkeys(item.looks.values()):
            by_look.setdefault(look, []).append(at)
    looks = list(by_look)
    by_hash = HashIndex([look.hash for look in looks], distance)
    looks_by_image = {image: look for item in items for image, look in item.looks.items()}
    texts = frozenset(piece for item in items for text in item.asked for piece in compared_pieces("user", text))
    return Index(
        tuple(items),
        by_image,
        by_question,
        by_gram,
        looks,
        by_hash,
        by_look,
        dict(sorted(looks_by_image.items())),
        texts,
    )


def decodable_images(path: str) -> Iterator[tuple[str, bytes]]:
    """The images of an evaluation set that decode: id and bytes, each once."""
    known: set[str] = set()
    for outcome in _read(path):
        for image, data in outcome.images.items():
            if image not in known and _look(data) is not None:
                yield image, data
            known.add(image)


def _items(name: str, path: str, n: int) -> Iterator[Item]:
    count = 0
    looks: dict[str, Look | None] = {}
    for outcome in _read(path):
        looks |= {image: _look(data) for image, data in outcome.images.items() if image not in looks}
        if outcome.parsed is not None:
            count += 1
            yield _item(name, outcome.parsed, n, looks)
    if not count:
        raise DropError(f"{path}: no question of {name} could be read; is it in one of the input formats?")


def _read(path: str) -> Iterator[Outcome]:
    files = open_drop(path)
    manifest = read_manifest(files)
    for info in data_files(files.listing()):
        yield from _outcomes(files, info.name, manifest.images)


def _outcomes(files: DropFiles, file: str, folders: tuple[str, ...]) -> Iterator[Outcome]:
    settings = IngestSettings()
    limits = Limits(settings.max_row_bytes, settings.max_expansion)
    container = container_of(Probe(plain_name(file), files.head(file)))
    if container is None:
        return
    # One shard: read one after the other, each of a compressed file would inflate those before it again.
    shards: list[Shard] = container.split(files, file, 1 << 62, limits)
    records = chain.from_iterable(container.read(files, shard, limits) for shard in shards)
    form = format_of(record.fields for record in islice(records, _PROBED) if record.fields)
    if form is None:
        return
    base = file.rpartition("/")[0]
    places = [f"{one}/{inner}".strip("/") or "." for one in (base, "") for inner in ("", "images")]
    images = ImageReader(files, tuple(dict.fromkeys([*folders, *places])), settings)
    for shard in shards:
        yield from outcomes(
            files, shard, container=container.name, form=trusting(form), dataset="", images=images, settings=settings
        )


def _look(data: bytes) -> Look | None:
    """What the image looks like; None where it does not decode: then only its bytes are compared."""
    try:
        facts = check_image(data, IngestSettings())
    except RowError:
        return None
    return Look(int(facts.perceptual_hash, 16), facts.colours)


def _item(name: str, parsed: Mapping[str, Any], n: int, looks: Mapping[str, Look | None]) -> Item:
    texts = [message_text(message) for message in parsed["messages"] if message["role"] == "user"]
    asked = frozenset(q for q in map(question, texts) if q)
    return Item(
        name,
        str(parsed["source_id"]),
        frozenset(parsed["image_ids"] or ()),
        {image: look for image in parsed["image_ids"] or () if (look := looks.get(image)) is not None},
        tuple(dict.fromkeys(texts)),
        asked,
        frozenset(chain.from_iterable(grams(text, n) for text in texts)),
    )
