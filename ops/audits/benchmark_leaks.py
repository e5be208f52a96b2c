"""Benchmark leaks: examples that an evaluation set asks too.

The sets are those that `audits.benchmark_leaks.sets` names: folders in any input format. An example is compared with
every question of every set:

- `shares_image`: one of its images is an image of the question, byte for byte or by its looks: perceptual hashes at
  most `hash_distance` of 64 bits apart (`image_bits`, 0 for the same bytes; null where no image is shared), and no
  colour that covers `colour_distance` more of one than of the other. Alone this is a shared source (many sets draw on
  COCO), not a leak; the same holds for an image that is alike.
- `shares_question`: one of its user turns asks the same question, letter case, punctuation and layout aside.
- `ngram_share`: how much of the question's word n-grams (13 words by default; Brown et al., 2020) stands in the
  example's text. Null where the question is shorter than that: short questions are alike by chance.
- `image_cosine`: cosine of the encoder's vectors of an image of each that are alike, at least `image_cosine`: cropped,
  mirrored, stored anew. Vectors tell drawings of a few shapes hardly apart, so the perceptual hashes, mirrored or
  turned by quarters where that is nearer, must differ in at most `turned_distance` bits, and the colours must fit as
  above. Null where no image is so alike.
- `question_cosine`: the same of a question of each in other words, where an image is shared or alike: at least
  `question_cosine`, sentence by sentence, with the same numbers, denials, colours, words that compare or point, and the
  same thing asked for (ops.text.likeness). In other languages than English only questions in the same words are
  compared. Null where no question is so alike.
- `is_leak`: image and question come from the same item, each the same, nearly the same or alike by its vector; the
  question also by at least `leak_share` of its n-grams. For an item without images, at least `leak_share` of its
  n-grams.

Each example names the item it shares most with; `items` counts those that share anything, and is 0 where none does or
no set is registered. An example without words and images abstains. What an encoder reads of the sets is embedded once
for each set and encoder, when the first delivery is measured with it. Images that were turned, or cropped by more than
about a tenth, are mostly not recognised, nor are questions in quite other words, nor, in items without images, any in
other words.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import COSINE, COUNT, HASH_BITS, SHARE, column
from ops.core.turns import message_text
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import Look
from ops.leaks.evaluation_likeness import Likeness
from ops.leaks.evaluation_sets import Index, Item, grams, index, question, stamp
from ops.text.likeness import compared_texts
from ops.vision.image_groups import colour_apart


@dataclass(frozen=True, slots=True)
class BenchmarkLeakSettings:
    """`audits.benchmark_leaks` in assay.yaml."""

    sets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Folder of each evaluation set, by its name."""
    ngram: int = 13
    """Words that must follow each other to count as the same text."""
    leak_share: float = 0.5
    """Share of a question's n-grams from which its text counts as seen."""
    hash_distance: int = 4
    """Bits of 64 by which the perceptual hashes of one image may differ."""
    colour_distance: float = 0.1
    """Share of the pixels that may be of a colour in one of two images that count as the same, and not in the other."""
    image_cosine: float = 0.9
    """Cosine of the encoder's vectors from which two images may be the same."""
    turned_distance: int = 12
    """Bits of 64 by which the hashes of two images that are alike by their vectors may differ, however turned."""
    question_cosine: float = 0.9
    """Cosine of the encoder's vectors from which two questions may be the same in other words."""
    stamps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Filled in from the files, so that a changed set is looked up anew; not to be set."""

    def __post_init__(self) -> None:
        if self.ngram < 1 or not 0 < self.leak_share <= 1:
            raise ValueError("ngram must be at least 1, and leak_share lie above 0 and up to 1")
        if not 0 <= self.hash_distance <= 16 or not 0 <= self.colour_distance <= 1:
            raise ValueError("hash_distance must lie in 0 to 16, and colour_distance in 0 to 1")
        if not 0 < self.image_cosine <= 1 or not 0 < self.question_cosine <= 1 or not 0 <= self.turned_distance <= 64:
            raise ValueError("cosines must lie above 0 and up to 1, and turned_distance in 0 to 64")
        object.__setattr__(self, "stamps", {name: stamp(path) for name, path in self.sets.items()})

    def index(self) -> Index:
        """The sets, looked up by what they hold."""
        sets = tuple((name, self.sets[name], self.stamps[name]) for name in sorted(self.sets))
        return index(sets, self.ngram, self.hash_distance)


_COLUMNS = [
    column("benchmark", pa.string()),
    column("item", pa.string()),
    column("shares_image", pa.bool_()),
    column("image_bits", pa.int32(), HASH_BITS),
    column("image_cosine", pa.float32(), COSINE),
    column("shares_question", pa.bool_()),
    column("question_cosine", pa.float32(), COSINE),
    column("ngram_share", pa.float32(), SHARE),
    column("is_leak", pa.bool_()),
    column("items", pa.int32(), COUNT),
    column("abstained", pa.bool_()),
]


_NOTHING = {"shares_image": False, "shares_question": False, "is_leak": False}


def measure(inputs: RowInputs, settings: BenchmarkLeakSettings) -> pa.Table:
    """One row an example."""
    known = settings.index()
    columns = ["delivery", "example_id", "messages", "image_ids"]
    looks = _looks(inputs)
    likeness = Likeness(
        known,
        inputs.images,
        inputs.texts,
        looks,
        image_cosine=settings.image_cosine,
        bits=settings.turned_distance,
        colour=settings.colour_distance,
    )
    rows = [_leaks(row, known, likeness, settings) for row in inputs.examples.select(columns).to_pylist()]
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def wanted_texts(examples: pa.Table) -> list[str]:
    """The questions of examples with images, by sentences."""
    examples_shown = zip(examples["image_ids"].to_pylist(), examples["messages"].to_pylist(), strict=True)
    return [text for ids, messages in examples_shown if ids for text in compared_texts(messages or (), ("user",))]


def _looks(inputs: RowInputs) -> dict[str, Look | None]:
    """What each image of the examples is recognised by."""
    images = {image for ids in inputs.examples["image_ids"].to_pylist() for image in ids or ()}
    return {image: inputs.pictures.look(image) for image in images}


def _same(
    images: set[str], known: Index, looks: Mapping[str, Look | None], settings: BenchmarkLeakSettings
) -> dict[int, int]:
    """Items that show one of the images, and by how many bits the nearest differs."""
    bits_by_item: dict[int, int] = {}
    for image in images:
        look = looks[image]
        near = [] if look is None else [(known.looks[place], look) for place in known.by_hash.near(look.hash)]
        for other, own in near:
            if colour_apart(own.colours, other.colours) <= settings.colour_distance:
                bits = (own.hash ^ other.hash).bit_count()
                bits_by_item |= {at: min(bits, bits_by_item.get(at, bits)) for at in known.by_look[other]}
        bits_by_item |= dict.fromkeys(known.by_image.get(image, ()), 0)
    return bits_by_item


def _leaks(row: Mapping[str, Any], known: Index, likeness: Likeness, settings: BenchmarkLeakSettings) -> dict[str, Any]:
    texts = [(message["role"], message_text(message)) for message in row["messages"] or ()]
    images: set[str] = set(row["image_ids"] or ())
    asked = [text for role, text in texts if role == "user"]
    questions = {question(text) for text in asked}
    own_grams = {gram for _, text in texts for gram in grams(text, settings.ngram)}
    shared = Counter(at for gram in own_grams for at in known.by_gram.get(gram, ()))
    same, alike = _same(images, known, likeness.looks, settings), likeness.items(images)
    rows: list[dict[str, Any]] = []
    for at in {*shared, *same, *alike, *(at for one in questions for at in known.by_question.get(one, ()))}:
        cosine = likeness.question(asked, at) if at in same or at in alike else None
        evidence = {
            "image_bits": same.get(at),
            "image_cosine": alike.get(at),
            "shares_question": bool(questions & known.items[at].questions),
            "question_cosine": cosine if cosine is not None and cosine >= settings.question_cosine else None,
        }
        rows.append(_compared(known.items[at], evidence, shared[at], settings))
    about = {"delivery": row["delivery"], "example_id": row["example_id"], "items": len(rows)}
    about["abstained"] = not images and not any(text for _, text in texts)
    return about | min(rows, key=_order, default=_NOTHING)


def _compared(
    item: Item, evidence: Mapping[str, object], shared: int, settings: BenchmarkLeakSettings
) -> dict[str, object]:
    """What an example has in common with an item."""
    share = shared / len(item.grams) if item.grams else None
    text_seen = share is not None and share >= settings.leak_share
    shares_image = evidence["image_bits"] is not None
    same_image = shares_image or evidence["image_cosine"] is not None
    same_question = evidence["shares_question"] or text_seen or evidence["question_cosine"] is not None
    return {
        **evidence,
        "benchmark": item.benchmark,
        "item": item.source_id,
        "shares_image": shares_image,
        "ngram_share": share,
        "is_leak": (same_image and same_question) if item.images else text_seen,
    }


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The strongest first; names settle ties."""
    share = row["ngram_share"] or 0.0
    return (
        not row["is_leak"],
        not row["shares_image"],
        -share,
        not row["shares_question"],
        -(row["image_cosine"] or 0.0),
        -(row["question_cosine"] or 0.0),
        row["benchmark"],
        row["item"],
    )


AUDIT = Audit(
    name="benchmark_leaks",
    title="Examples that an evaluation set asks too",
    grain=Grain.EXAMPLE,
    scope=Scope.ROW,
    columns=pa.schema(_COLUMNS),
    measure=measure,
    settings=BenchmarkLeakSettings(),
    texts=wanted_texts,
    uses_vectors=True,
    uses_pictures=True,
    revision=5,
)
