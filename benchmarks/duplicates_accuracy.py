"""How right semantic_duplicates is: copies and look-alikes made from real photos and captions, with 95 % intervals.

    OMP_NUM_THREADS=2 .venv/bin/python -m benchmarks.duplicates_accuracy --photos ../shared/data/photos

51 photos with five captions each, in two halves by the hash of their names: the cuts were chosen on the first
(`--half 0`), figures are reported for the second. Every photo enters with each caption; then, for each way to change
the picture, once more with the caption in other words by rule (positives), and so that it is no duplicate: the changed
picture with a caption of another photo, another photo with the caption, the caption beside another question, and the
caption with a number, a colour or a side changed or added (negatives). A row of the audit is right where it names an
example that shows and says the same; negatives of one kind about one photo may be duplicates of each other, and do not
count. Captions of one photo by other people are counted apart: whether these are duplicates is a
matter of taste. Rows of one photo are not independent, so the intervals (Wilson) are somewhat too narrow.

Last, pictures of easy-VQA, every one of which is another drawing of one shape, all asked for its shape:
how many come out as duplicates with the hash and the colours, and by vectors alone.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image, ImageOps
from pyspark.sql import SparkSession

from benchmarks.audit_accuracy import Embeddings, PicturedTurns, example
from benchmarks.claims_accuracy import with_interval
from benchmarks.options import halves_options
from ops.audits.semantic_duplicates import AUDIT, CLUSTERS, SemanticDuplicateSettings, wanted_texts
from ops.core.identity import digest
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.demo.pictures import load_pictures
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EncoderSettings
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark
from resources.models.encoder import load_encoder

_ASKED = "Describe the image."
_OTHERWISE = "What would a visitor remember of this?"
_SHAPES = ("what shape is in the image?", "what shape is present?")
#: What a caption says in other words.
_WORDS = {
    "sitting": "seated", "next to": "beside", "a group of": "several", "large": "big", "small": "little",
    "couch": "sofa", "bike": "bicycle", "street": "road", "person": "human", "people": "persons", "photo": "picture",
    "close up": "closeup", "in front of": "before", "holding": "carrying", "walking": "strolling", "kids": "children",
    "on top of": "on", "near": "close to", "field": "meadow", "plane": "airplane", "tv": "television",
}  # fmt: skip
#: Ways to change a picture that leave it the same.
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "stored anew": lambda image: image,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped by 5 %": lambda image: _cropped(image, 0.05),
    "mirrored": ImageOps.mirror,
    "cropped and mirrored": lambda image: ImageOps.mirror(_cropped(image, 0.05)),
    "cropped by 15 %": lambda image: _cropped(image, 0.15),
    "turned by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}
_NEGATIVES = ("caption of another photo", "another photo", "another question", "number, colour or side")


@dataclass(frozen=True, slots=True)
class Conversation:
    """An example: its picture if it has one, question and answer, what kind it is, and what it is about: examples about
    the same are duplicates."""

    picture: Path | None
    query: str
    answer: str
    kind: str
    about: tuple[str, ...]


def _cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((across, down, image.width - across, image.height - down))


def reworded(caption: str) -> str:
    """The caption in other words."""
    words = caption.strip().rstrip(".").lower()
    for word, other in _WORDS.items():
        words = re.sub(rf"\b{word}\b", other, words)
    return f"There is {words}." if words.startswith(("a ", "an ")) else f"We see {words}."


def spoilt(caption: str) -> str:
    """The caption with what decides changed."""
    words = reworded(caption)
    for word, other in (("red", "blue"), ("black", "white"), ("white", "black"), ("two", "three"), ("left", "right")):
        if re.search(rf"\b{word}\b", words):
            return re.sub(rf"\b{word}\b", other, words, count=1)
    return f"{words.rstrip('.')} on the left."


def corpus(folder: Path, half: int, change: str, scratch: Path) -> Iterator[Conversation]:
    """The half's photos with their captions, and what is made from them by one change."""
    known = [line for line in _lines(folder / "captions.jsonl") if int(digest(line["image"])[:8], 16) % 2 == half]
    for at, line in enumerate(known):
        name, other = line["image"], known[(at + 1) % len(known)]
        changed = scratch / f"{digest(name, change)}.jpg"
        if not changed.exists():
            CHANGES[change](Image.open(folder / name).convert("RGB")).save(changed, quality=60)
        for caption, foreign in zip(line["captions"], other["captions"], strict=False):
            words = reworded(caption)
            yield Conversation(folder / name, _ASKED, caption, "photo", (name, name))
            yield Conversation(changed, _ASKED, words, "positive", (name, name))
            if other is not line:
                yield Conversation(changed, _ASKED, reworded(foreign), _NEGATIVES[0], (name, other["image"]))
                yield Conversation(folder / other["image"], _ASKED, words, _NEGATIVES[1], (other["image"], name))
            yield Conversation(changed, _OTHERWISE, words, _NEGATIVES[2], (name, name, _OTHERWISE))
            yield Conversation(changed, _ASKED, spoilt(caption), _NEGATIVES[3], (name, name, "spoilt"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def drawings(half: int) -> list[Conversation]:
    """Pictures of easy-VQA under one question, another one for each half; the pictures of a half are its own."""
    pictures = sorted(load_pictures(), key=lambda picture: picture.path.name)[half::2]
    asked = ((one, answer) for one in pictures for query, answer in one.turns if query == _SHAPES[half])
    return [Conversation(one.path, _SHAPES[half], answer, "drawing", (one.path.name,)) for one, answer in asked]


def duplicates(
    spark: SparkSession,
    conversations: Sequence[Conversation],
    embeddings: Embeddings,
    chosen: SemanticDuplicateSettings,
) -> dict[int, int]:
    """Place of each redundant example, and of the one that the audit names."""
    made = [
        example(
            at,
            PicturedTurns(((conversation.query, conversation.answer),), conversation.picture, faulty=False),
            embeddings,
        )
        | {"content_id": digest(str(at)), "repairs": [] if conversation.kind == "photo" else ["made"]}
        for at, conversation in enumerate(conversations)
    ]
    examples = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    paths = {embeddings.image(one.picture): one.picture for one in conversations if one.picture}
    facts = [
        {"image_id": i, **asdict(check_image(path.read_bytes(), IngestSettings()))} for i, path in sorted(paths.items())
    ]
    images = pa.Table.from_pylist(facts, schema=pa.schema([f for f in IMAGES.schema if f.name != "bytes"]))
    vectors = [
        *_rows("image", embeddings.images(list(paths.values()))),
        *_rows("text", embeddings.texts(set(wanted_texts(examples)))),
    ]
    tables = {
        "examples": examples,
        "images": images,
        "arrivals": pa.table({"delivery": ["bench-0"], "arrival": pa.array([0], pa.int32())}),
        "embeddings": pa.Table.from_pylist(vectors, schema=EMBEDDINGS.schema),
    }
    frames = {name: spark.createDataFrame(table) for name, table in tables.items()}
    frames[CLUSTERS.spec.name] = CLUSTERS.rows(frames, CLUSTERS.centres(frames, chosen))
    measures = AUDIT.measure(frames, chosen).toArrow()
    return {int(row["example_id"][1:]): int(row["other_id"][1:]) for row in measures.to_pylist()}


def _rows(modality: str, vectors: Vectors) -> Iterator[dict[str, Any]]:
    for key, vector in zip(vectors.ids, vectors.matrix, strict=True):
        yield {"encoder": "one", "modality": modality, "content_id": key.decode(), "vector": vector.tobytes()}


def figures(change: str, conversations: Sequence[Conversation], twins: dict[int, int]) -> str:
    """A line of the table."""
    rows = {
        kind: [at for at, one in enumerate(conversations) if one.kind == kind]
        for kind in ("photo", "positive", *_NEGATIVES)
    }
    right = {at for at, other in twins.items() if conversations[at].about == conversations[other].about}
    wrong = twins.keys() - right
    caught = sum(at in right for at in rows["positive"])
    false = [(sum(at in wrong for at in rows[kind]), len(rows[kind])) for kind in _NEGATIVES]
    others = sum(at in right for at in rows["photo"])
    cells = [(caught, len(rows["positive"])), (caught, caught + len(wrong)), *false, (others, len(rows["photo"]))]
    return f"| {change} | {' | '.join(with_interval(*cell) for cell in cells)} |"


def main() -> None:
    parser = halves_options(__doc__)
    parser.add_argument("--cuts", nargs="*", default=[], help="settings to try, such as image=0.9")
    options = parser.parse_args()
    embeddings = Embeddings(load_encoder(EncoderSettings(model=options.model)), options.cache)
    given = (one.split("=") for one in options.cuts)
    chosen = replace(AUDIT.settings, **{name: json.loads(value) for name, value in given})
    print(f"encoder {embeddings.encoder.identity}, half {options.half}, {chosen}")
    spark = start_spark(SparkSettings(cores=2, memory="1g", shuffle_partitions=2, quick_start=True))
    heads = ["change", "recall", "precision", *(f"false: {kind}" for kind in _NEGATIVES), "another person's caption"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for change in CHANGES:
            conversations = list(corpus(options.photos, options.half, change, Path(scratch)))
            print(figures(change, conversations, duplicates(spark, conversations, embeddings, chosen)), flush=True)
    conversations = drawings(options.half)
    for how, cuts in (("verified", chosen), ("vectors alone", replace(chosen, hash_distance=64, colour_distance=1.0))):
        count = len(duplicates(spark, conversations, embeddings, cuts))
        print(f"\ndrawings called duplicates, {how}: {with_interval(count, len(conversations))}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
