"""How far the chances that canaries of the corpus tell of own rows can be trusted: faults planted by seed among
photographs with captions.

    .venv/bin/python -m benchmarks.corpus_chances --photos ../shared/data/photos

The rows are those of benchmarks.photo_drop, but for its questions of what is there: captions, descriptions of five
sentences, numbers of things, and pairs of a caption over that of another photograph. Beside them stand, each as often
as the share says: copies of SFT rows about the photo at half its size, with a twentieth of the words of long answers
replaced (`near_duplicates`); copies in other words about the photo cropped (`semantic_duplicates`); rejected responses
with a tenth of their words replaced as targets (`reward_leaks`, `preference_likeness`); and pairs exchanged about the
photo at a third of its size, or asked politely (`soft_contradictions`, where the pair that is contradicted counts as
faulty, too). None is made as the canaries are. All is stored in a lake, measured and flown as in a run.

First comes a line a corpus, with how many canaries the audit found, then tables of all seeds, whose columns are those
of benchmarks.chances_accuracy. Captions of one photo by other people may be called duplicates,
which counts as wrong.
"""

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.audit_accuracy import Embeddings
from benchmarks.chances_accuracy import Outcome, lines_of
from benchmarks.duplicates_accuracy import CHANGES, reworded
from benchmarks.meter import metered
from benchmarks.mismatch_accuracy import Judged
from benchmarks.options import planted_options
from benchmarks.planted_preferences import Corpus, edited
from benchmarks.soft_pairs import SAME, changed
from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances, suspicions
from ops.canaries.comparisons import KINDS, texts_of
from ops.canaries.outcome import rules_on
from ops.core.identity import image_id
from ops.core.measure_schemas import CANARY_CHANCES, EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EncoderSettings
from resources.config.settings import load_settings
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from resources.measuring.corpus_canaries import fly_corpus_canaries, missing_corpus_flight
from resources.measuring.recorded import record_embedded
from resources.models.encoder import load_encoder

AUDITS = ("near_duplicates", "semantic_duplicates", "reward_leaks", "preference_likeness", "soft_contradictions")
_DELIVERY = "d"
_LONG, _SHORT, _COUNT = (
    "Describe the image in detail.",
    "Describe the image in one sentence.",
    "How many {}s are there?",
)
_PREFERRED = "What does the image show?"
_POLITE = ("Please, {}", "Can you tell me, {}", "{} Please answer.")


@dataclass(slots=True)
class Photos:
    """Rows about photographs, the files of their pictures by id, those with a fault by audit, and the photo that each
    is about."""

    folder: Path
    scratch: Path
    corpus: Corpus = field(default_factory=Corpus)
    files: dict[str, Path] = field(default_factory=dict[str, Path])
    faulty: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    origin: dict[str, str] = field(default_factory=dict[str, str])

    def show(self, path: Path) -> str:
        """The id of a picture, which the corpus knows from then on."""
        name = image_id(path.read_bytes())
        self.files[name] = path
        return name

    def anew(self, photo: str, change: str) -> str:
        """The id of a photo that was changed (CHANGES)."""
        path = self.scratch / f"{change} {Path(photo).name}"
        if not path.exists():
            CHANGES[change](Image.open(self.folder / photo).convert("RGB")).save(path, quality=60)
        return self.show(path)

    def say(self, photo: str, image: str, query: str, answer: str, *audits: str) -> None:
        """A row of SFT, faulty in the eyes of these audits."""
        self._named(photo, self.corpus.say(image, query, answer), audits)

    def prefer(self, photo: str, image: str, query: str, pair: tuple[str, str], *audits: str) -> str:
        """A pair of a chosen and a rejected response."""
        self.corpus.prefer(image, query, *pair, "annotator")
        self._named(photo, self.corpus.examples[-1]["example_id"], audits)
        return self.corpus.examples[-1]["example_id"]

    def _named(self, photo: str, name: str, audits: Sequence[str]) -> None:
        # What was added stays behind what it is like.
        self.corpus.examples[-1]["repairs"] = ["planted"] if audits else []
        self.origin[name] = photo
        for audit in audits:
            self.faulty[audit].add(name)


def planted(photos: Photos, share: float, rng: Random) -> None:
    """Fills the corpus: sound rows, and as many of each fault as the share says."""
    lines = [json.loads(line) for line in (photos.folder / "captions.jsonl").read_text("utf-8").splitlines()]
    things = [json.loads(line) for line in (photos.folder / "objects.jsonl").read_text("utf-8").splitlines()]
    sft = [*_described(lines), *_counted(things)]
    for photo, query, answer in sft:
        photos.say(photo, photos.show(photos.folder / photo), query, answer)
    pairs = [(line["image"], pair) for number, line in enumerate(lines) for pair in _preferred(lines, number)]
    names = [photos.prefer(at, photos.show(photos.folder / at), _PREFERRED, pair) for at, pair in pairs]
    count = round(share * len(sft))
    for photo, query, answer in rng.sample(sft, count):
        words = edited(answer, 0.05, rng) if query == _LONG else answer
        photos.say(photo, photos.anew(photo, "half the size"), query, words, "near_duplicates", "semantic_duplicates")
    for photo, query, answer in rng.sample([row for row in sft if row[1] == _SHORT], min(count, 250)):
        photos.say(photo, photos.anew(photo, "cropped by 5 %"), query, reworded(answer), "semantic_duplicates")
    for photo, (_, rejected) in rng.sample(pairs, min(count, len(pairs))):
        image = photos.show(photos.folder / photo)
        photos.say(photo, image, _PREFERRED, edited(rejected, 0.1, rng), "reward_leaks", "preference_likeness")
    for at in rng.sample(range(len(pairs)), round(share * len(pairs) / 2)):
        photo, (chosen, rejected) = pairs[at]
        query, image = _PREFERRED, photos.show(photos.folder / photo)
        if rng.random() < 0.5:
            path = photos.scratch / f"third {Path(photo).name}"
            path.write_bytes(changed(photos.folder / photo, SAME["a third of the size"]))
            image = photos.show(path)
        else:
            query = rng.choice(_POLITE).format(query[0].lower() + query[1:])
        photos.prefer(photo, image, query, (rejected, chosen), "soft_contradictions")
        photos.faulty["soft_contradictions"].add(names[at])


def _described(lines: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        yield from ((line["image"], _SHORT, caption) for caption in line["captions"])
        yield line["image"], _LONG, " ".join(c.strip().rstrip(".").capitalize() + "." for c in line["captions"])


def _counted(lines: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        counts = Counter(thing["category"] for thing in line["objects"] if not thing["iscrowd"])
        yield from ((line["image"], _COUNT.format(name), str(count)) for name, count in counts.items())


def _preferred(lines: Sequence[dict[str, Any]], number: int) -> Iterator[tuple[str, str]]:
    for at, caption in enumerate(lines[number]["captions"]):
        yield caption, lines[(number + 1 + at) % len(lines)]["captions"][at % 5]


def stored(root: Path, photos: Photos, embeddings: Embeddings) -> Lake:
    """The rows in a lake, as if they were delivered and embedded."""
    lake, corpus, encoder = Lake(root), photos.corpus, embeddings.encoder.identity
    facts = [_facts(name, path) for name, path in sorted(photos.files.items())]
    lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(facts, schema=IMAGES.schema), {}))
    judged = pa.Table.from_pylist(corpus.preferences, schema=PREFERENCES.schema)
    for spec, rows in ((EXAMPLES, corpus.table), (PREFERENCES, judged)):
        lake.write(spec, rows, partition={"delivery": _DELIVERY}, once=_DELIVERY)
    audits = [audit for audit in all_audits().values() if audit.name in AUDITS and audit.texts]
    texts = {text for audit in audits if audit.texts for text in audit.texts(corpus.table)}
    both = {
        "image": embeddings.images(list(photos.files.values())),
        "text": embeddings.texts({*texts, *texts_of(corpus.table, each=200)}),
    }
    for modality, vectors in both.items():
        keys = {"encoder": encoder, "modality": modality}
        rows = [
            {**keys, "content_id": name.decode(), "vector": vector.astype("<f2").tobytes()}
            for name, vector in zip(vectors.ids, vectors.matrix, strict=True)
        ]
        lake.append(EMBEDDINGS, lake.stage(EMBEDDINGS, pa.Table.from_pylist(rows, schema=EMBEDDINGS.schema), keys))
    record_embedded(lake, _DELIVERY, encoder)
    return lake


def _facts(name: str, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    known = check_image(data, IngestSettings())
    columns = [column for column in IMAGES.schema.names if column not in ("image_id", "bytes")]
    return {"image_id": name, "bytes": data} | {column: getattr(known, column) for column in columns}


def flown(lake: Lake, encoder: str, names: Sequence[str]) -> dict[str, tuple[AuditChances, dict[str, float]]]:
    """By audit, what its canaries tell, and the scores of the own rows that have one."""
    settings = load_settings()
    audits = [all_audits()[name] for name in names]
    measure = partial(measure_corpus, start_spark, lake, deliveries=[_DELIVERY], encoder=encoder)
    with metered(Path(lake.root)) as whole:
        identities = {audit.name: measure(audit, settings=settings.audit(audit.name)) for audit in audits}
    flight = missing_corpus_flight(lake, [_DELIVERY], settings=settings, encoder=encoder)
    if flight is None:
        raise ValueError("the policy has no rule on an audit with canaries")
    own = replace(flight, audits=tuple(audits), policy=rules_on(settings.policy, audits, KINDS))
    with metered(Path(lake.root)) as canaries:
        fly_corpus_canaries(start_spark, lake, own, deliveries=[_DELIVERY], settings=settings, encoder=encoder)
    print(f"processor seconds: measures {whole.cpu_s:.1f}, canaries {canaries.cpu_s:.1f}", flush=True)
    chances = {row["audit"]: AuditChances.of_row(row) for row in lake.read(CANARY_CHANCES).to_pylist()}
    rows = {audit.name: lake.read(audit.table, where={"identity": identities[audit.name]}) for audit in audits}
    return {name: (chances[name], suspicions(rows[name].to_batches(), chances[name].suspicion)) for name in names}


def outcome(audit: str, chances: AuditChances, scores: dict[str, float], photos: Photos) -> Outcome:
    """What the canaries tell of the own rows."""
    suspicion = all_audits()[audit].suspicion
    if suspicion is None:
        raise ValueError(f"{audit} names no suspicion")
    kind = KINDS[suspicion.faults[0]]
    own = [row["example_id"] for row in photos.corpus.examples if row["kind"] == kind]
    known = scores if suspicion.unfound is None else dict.fromkeys(own, suspicion.unfound) | scores
    probability = chances.model.chances(list(known), np.array([*known.values()], dtype=np.float64))[0]
    wrong = np.array([name in photos.faulty[audit] for name in known], dtype=bool)
    origin = np.array([photos.origin[name] for name in known])
    share = (chances.model.share, chances.model.low, chances.model.high)
    return Outcome(chances.model.why, len(known) / len(own), Judged(probability, wrong, origin, share))


def main() -> None:
    parser = planted_options(__doc__)
    parser.set_defaults(shares=[0.0, 0.02, 0.05, 0.1, 0.2], seeds=[201, 202])
    parser.add_argument("--audits", nargs="+", choices=AUDITS, default=list(AUDITS))
    options: argparse.Namespace = parser.parse_args()
    embeddings = Embeddings(load_encoder(EncoderSettings(model=options.model)), options.cache)
    start_spark(SparkSettings(memory="2g", shuffle_partitions=2, quick_start=True))
    print(f"encoder {embeddings.encoder.identity}, seeds {options.seeds}", flush=True)
    outcomes: defaultdict[str, defaultdict[float, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for share in options.shares:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "made").mkdir()
                photos = Photos(options.photos, Path(folder) / "made")
                planted(photos, share, Random(f"corpus {share} {seed}"))  # noqa: S311 - a seeded measurement
                lake = stored(Path(folder) / "lake", photos, embeddings)
                for audit, (chances, scores) in flown(lake, embeddings.encoder.identity, options.audits).items():
                    outcomes[audit][share].append(outcome(audit, chances, scores, photos))
                    # As it comes: a run is long.
                    near = sum(score > 0 for score in chances.model.canaries)
                    print(f"{audit}, {share:.0%}, seed {seed}: {near} of {len(chances.model.canaries)} canaries found")
                    print(list(lines_of(audit, {share: outcomes[audit][share][-1:]}))[1], flush=True)
    for audit, by_share in outcomes.items():
        print("\n".join(lines_of(f"{audit}, photos", by_share)), flush=True)


if __name__ == "__main__":
    main()
