"""How right benchmark_leaks is where only vectors can tell: photos changed, and questions in other words.

    OMP_NUM_THREADS=2 .venv/bin/python -m benchmarks.leaks_accuracy --photos ../shared/data/photos

The evaluation set asks four questions of each photo (how many, is there, what colour, where) about one thing in it.
Examples show a changed photo with a question in other words (leaks), with the same about another thing in the photo,
with another question about the thing, and another photo with the question (no leaks). The photos are in two halves as
in benchmarks/duplicates_accuracy.py, where the cuts come from; figures are reported for the second. Questions about one
photo are not independent, so the intervals (Wilson) are somewhat too narrow. The last column is what the audit finds
without any vector.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.audit_accuracy import Embeddings, PicturedTurns, example
from benchmarks.claims_accuracy import with_interval
from benchmarks.duplicates_accuracy import CHANGES
from benchmarks.options import halves_options
from ops.audits.benchmark_leaks import AUDIT, BenchmarkLeakSettings, measure, wanted_texts
from ops.core.identity import digest
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import PictureTable
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder

#: A question of the set, and the same in other words.
_QUESTIONS = (
    ("How many {}s are there?", "What is the number of {}s?"),
    ("Is there a {} in the picture?", "Do you see a {} in this image?"),
    ("What color is the {}?", "Which colour does the {} have?"),
    ("Where is the {}?", "In which place is the {}?"),
)
_KINDS = ("leak", "another thing", "another question", "another photo")


@dataclass(frozen=True, slots=True)
class Asked:
    """An example: its picture if it has one, its question and what kind it is."""

    picture: Path | None
    question: str
    kind: str


def photos_of(folder: Path, half: int) -> list[tuple[str, list[str]]]:
    """The photos of a half in which two kinds of thing are, with these."""
    lines = [json.loads(line) for line in (folder / "objects.jsonl").read_text("utf-8").splitlines()]
    known = [(line["image"], sorted({one["category"] for one in line["objects"]})) for line in lines]
    return [one for one in known if len(one[1]) > 1 and int(digest(one[0])[:8], 16) % 2 == half]


def write_set(folder: Path, known: Sequence[tuple[str, list[str]]], photos: Path) -> None:
    """The evaluation set, in LLaVA's format."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for image, things in known:
        name = Path(image).name
        (folder / "images" / name).write_bytes((photos / image).read_bytes())
        for at, (asked, _) in enumerate(_QUESTIONS):
            turns = [{"from": "human", "value": f"<image>\n{asked.format(things[0])}"}, {"from": "gpt", "value": "x"}]
            rows.append({"id": f"{name}-{at}", "image": name, "conversations": turns})
    (folder / "rows.json").write_text(json.dumps(rows))


def examples_of(known: Sequence[tuple[str, list[str]]], photos: Path, change: str, scratch: Path) -> Iterator[Asked]:
    """What is asked of the changed photos."""
    changed = {image: scratch / f"{digest(image, change)}.jpg" for image, _ in known}
    for image, things in known:
        other = next((one for one, shown in known if things[0] not in shown), None)
        CHANGES[change](Image.open(photos / image).convert("RGB")).save(changed[image], quality=60)
        for number, (_, reworded) in enumerate(_QUESTIONS):
            words = reworded.format(things[0])
            yield Asked(changed[image], words, "leak")
            yield Asked(changed[image], reworded.format(things[1]), "another thing")
            # Each photo is asked all four, so that any other of them would be a leak.
            yield Asked(changed[image], f"Who owns the {things[0]}, and since when ({number})?", "another question")
            if other is not None:
                yield Asked(photos / other, words, "another photo")


def leaking(
    asked: Sequence[Asked], folder: Path, settings: BenchmarkLeakSettings, embeddings: Embeddings
) -> list[np.ndarray]:
    """Which examples the audit calls a leak (n, bool), with vectors and without."""
    turns = [PicturedTurns(((one.question, "x"),), one.picture, faulty=False) for one in asked]
    made = [example(at, one, embeddings) for at, one in enumerate(turns)]
    examples = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    ours = sorted({one.picture for one in asked if one.picture})
    facts = [
        {"image_id": embeddings.image(path), **asdict(check_image(path.read_bytes(), IngestSettings()))}
        for path in ours
    ]
    pictures = PictureTable.of(pa.Table.from_pylist(facts, schema=IMAGES.schema))
    images = embeddings.images([*ours, *sorted((folder / "images").iterdir())])
    texts = embeddings.texts({*wanted_texts(examples), *settings.index().texts})
    none = Vectors.of([], np.zeros((0, 0)))
    both = (RowInputs(examples, *vectors, none, none, pictures=pictures) for vectors in ((images, texts), (none, none)))
    return [np.asarray(measure(inputs, settings)["is_leak"].to_pylist(), dtype=bool) for inputs in both]


def main() -> None:
    options = halves_options(__doc__).parse_args()
    embeddings = Embeddings(load_encoder(EncoderSettings(model=options.model)), options.cache)
    known = photos_of(options.photos, options.half)
    print(f"encoder {embeddings.encoder.identity}, half {options.half}, {len(known)} photos, {AUDIT.settings}")
    heads = ["change", "leaks found", *(f"{kind} called a leak" for kind in _KINDS[1:]), "leaks found by looks"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "set"
        write_set(folder, known, options.photos)
        settings = replace(AUDIT.settings, sets={"photos": str(folder)})
        for change in CHANGES:
            asked = list(examples_of(known, options.photos, change, Path(made)))
            leaks, by_looks = leaking(asked, folder, settings, embeddings)
            kinds = np.array([one.kind for one in asked], dtype=np.str_)
            cells = [(int(leaks[kinds == kind].sum()), int((kinds == kind).sum())) for kind in _KINDS]
            cells.append((int(by_looks[kinds == "leak"].sum()), cells[0][1]))
            print(f"| {change} | {' | '.join(with_interval(*cell) for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
