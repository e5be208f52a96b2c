"""Benchmark leaks: examples that an evaluation set asks too.

The sets are those that `audits.benchmark_leaks.sets` names: folders in any input format. An example is compared with
every question of every set:

- `shares_image`: one of its images is an image of the question, byte for byte or by its looks: perceptual hashes at
  most `hash_distance` of 64 bits apart (`image_bits`, 0 for the same bytes; null where no image is shared), and no
  colour that covers `colour_distance` more of one than of the other. Alone this is a shared source (many sets draw on
  COCO), not a leak.
- `shares_question`: one of its user turns asks the same question, letter case, punctuation and layout aside.
- `ngram_share`: how much of the question's word n-grams (13 words by default; Brown et al., 2020) stands in the
  example's text. Null where the question is shorter than that: short questions are alike by chance.
- `is_leak`: image and question come from the same item: the image and the question, or the image and at least
  `leak_share` of its n-grams; for an item without images, at least `leak_share` of its n-grams.

Each example names the item it shares most with; `items` counts those that share anything, and is 0 where none does or
no set is registered. An example without words and images abstains. Images that were cropped or turned are not
recognised, nor are questions in other words.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Grain, RowInputs, Scope
from ops.benchmarks import Index, grams, index, question, stamp
from ops.image_groups import colour_apart
from ops.picture_table import Look


@dataclass(frozen=True, slots=True)
class LeakSettings:
    """`audits.benchmark_leaks` in assay.yaml."""

    sets: Mapping[str, str] = field(default_factory=dict)
    """Folder of each evaluation set, by its name."""
    ngram: int = 13
    """Words that must follow each other to count as the same text."""
    leak_share: float = 0.5
    """Share of a question's n-grams from which its text counts as seen."""
    hash_distance: int = 4
    """Bits of 64 by which the perceptual hashes of one image may differ."""
    colour_distance: float = 0.1
    """Share of the pixels that may be of a colour in one of two images that count as the same, and not in the other."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Filled in from the files, so that a changed set is looked up anew; not to be set."""

    def __post_init__(self) -> None:
        if self.ngram < 1 or not 0 < self.leak_share <= 1:
            raise ValueError("ngram must be at least 1, and leak_share lie above 0 and up to 1")
        if not 0 <= self.hash_distance <= 16 or not 0 <= self.colour_distance <= 1:
            raise ValueError("hash_distance must lie in 0 to 16, and colour_distance in 0 to 1")
        object.__setattr__(self, "stamps", {name: stamp(path) for name, path in self.sets.items()})

    def index(self) -> Index:
        """The sets, looked up by what they hold."""
        sets = tuple((name, self.sets[name], self.stamps[name]) for name in sorted(self.sets))
        return index(sets, self.ngram, self.hash_distance)


_COLUMNS = [
    ("benchmark", pa.string()),
    ("item", pa.string()),
    ("shares_image", pa.bool_()),
    ("image_bits", pa.int32()),
    ("shares_question", pa.bool_()),
    ("ngram_share", pa.float32()),
    ("is_leak", pa.bool_()),
    ("items", pa.int32()),
    ("abstained", pa.bool_()),
]


_NOTHING = {"shares_image": False, "shares_question": False, "is_leak": False}


def measure(inputs: RowInputs, settings: LeakSettings) -> pa.Table:
    """One row an example."""
    known = settings.index()
    columns = ["delivery", "example_id", "messages", "image_ids"]
    looks = _looks(inputs)
    rows = [_found(row, known, looks, settings) for row in inputs.examples.select(columns).to_pylist()]
    return pa.Table.from_pylist(rows, schema=AUDIT.schema)


def _looks(inputs: RowInputs) -> dict[str, Look | None]:
    """What each image of the examples is recognised by."""
    images = {image for ids in inputs.examples["image_ids"].to_pylist() for image in ids or ()}
    return {image: inputs.pictures.look(image) for image in images}


def _alike(images: set[str], known: Index, looks: Mapping[str, Look | None], settings: LeakSettings) -> dict[int, int]:
    """Items that show one of the images, and by how many bits the nearest differs."""
    found: dict[int, int] = {}
    for image in images:
        look = looks[image]
        near = [] if look is None else [(known.looks[place], look) for place in known.by_hash.near(look.hash)]
        for other, own in near:
            if colour_apart(own.colours, other.colours) <= settings.colour_distance:
                bits = (own.hash ^ other.hash).bit_count()
                found |= {at: min(bits, found.get(at, bits)) for at in known.by_look[other]}
        found |= dict.fromkeys(known.by_image.get(image, ()), 0)
    return found


def _found(
    row: Mapping[str, Any], known: Index, looks: Mapping[str, Look | None], settings: LeakSettings
) -> dict[str, Any]:
    texts = [(m["role"], "".join(p["text"] or "" for p in m["parts"] or ())) for m in row["messages"] or ()]
    images: set[str] = set(row["image_ids"] or ())
    asked = {question(text) for role, text in texts if role == "user"}
    said = {gram for _, text in texts for gram in grams(text, settings.ngram)}
    shared = Counter(at for gram in said for at in known.by_gram.get(gram, ()))
    alike = _alike(images, known, looks, settings)
    candidates = {*shared, *alike, *(at for one in asked for at in known.by_question.get(one, ()))}
    rows = [_compared(known, at, alike.get(at), asked, shared[at], settings) for at in candidates]
    told = {"delivery": row["delivery"], "example_id": row["example_id"], "items": len(rows)}
    told["abstained"] = not images and not any(text for _, text in texts)
    return told | min(rows, key=_order, default=_NOTHING)


def _compared(
    known: Index, at: int, image_bits: int | None, asked: set[str], shared: int, settings: LeakSettings
) -> dict[str, Any]:
    item = known.items[at]
    share = shared / len(item.grams) if item.grams else None
    same_image, same_question = image_bits is not None, bool(asked & item.questions)
    text_seen = share is not None and share >= settings.leak_share
    return {
        "benchmark": item.benchmark,
        "item": item.source_id,
        "shares_image": same_image,
        "image_bits": image_bits,
        "shares_question": same_question,
        "ngram_share": share,
        "is_leak": (same_image and (same_question or text_seen)) if item.images else text_seen,
    }


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The strongest first; names settle ties."""
    share = row["ngram_share"] or 0.0
    return (
        not row["is_leak"],
        not row["shares_image"],
        -share,
        not row["shares_question"],
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
    settings=LeakSettings(),
    uses_pictures=True,
    revision=2,
)
