"""How far the chances that canaries tell of own rows can be trusted: faults planted by seed in data that no one here
wrote.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.chances_accuracy --photos ../shared/data/photos

easy-VQA (test split), 800 conversations, in a share of them one answer untrue (`claims`), or the picture exchanged
(`conversation_grounding`), or as many conversations added that need no picture (`visual_necessity`); photos, claims of
colour, number and presence, a row each, some untrue (`claims`), captions, some with another photo
(`conversation_grounding`), and the rows of benchmarks.photo_drop with conversations added that need no picture
(`visual_necessity`). The planted faults are not made as the canaries are:
those of blind conversations have other words, and an untrue answer is drawn from other answers. As in a run, canaries
are made of the rows, faulty ones among them, and measured beside them.

For each: in how many seeds a chance is told, and the share of the rows that have one there; then, as in
benchmarks.mismatch_accuracy, the estimated share, flags and their precision, and the expected calibration error, with
95 % intervals of a bootstrap of pictures over the seeds together. Last the reliability diagrams, all shares together.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from benchmarks.audit_accuracy import Embeddings, PicturedTurns
from benchmarks.claims_accuracy import CONVERSATIONS, Conversation, Places, inputs_of, photos
from benchmarks.mismatch_accuracy import COLUMNS, Judged, captions, conversations, diagram, row_of
from benchmarks.options import planted_options
from benchmarks.photo_drop import rows_about
from ops.audits.registry import all_audits
from ops.canaries.chances import fitted_chances, suspicions
from ops.canaries.damage import ROWS_EACH, canaries
from ops.canaries.rows import MARK
from ops.claims.texts import read_claims
from ops.core.schemas import BOXES
from ops.demo import plant
from ops.demo.pictures import load_pictures
from ops.demo.rows import one_conversation_each, other_answers
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder

_EACH = 100
_PRESENT = re.compile(r"Is there a (.+) in the image\?")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one seed: why no chance is told (else empty), the share of the rows that have one, and these rows."""

    why: str
    scored: float
    judged: Judged


def untrue(share: float, rng: Random, _: Path | None) -> list[PicturedTurns]:
    """Conversations of easy-VQA, some with an answer to another question of its kind."""
    rows = [Conversation(list(p.turns), p.path, {}) for p in rng.sample(load_pictures(), CONVERSATIONS)]
    for row in rng.sample(rows, round(share * CONVERSATIONS)):
        at = rng.choice([n for n, turn in enumerate(row.turns) if read_claims(*turn)])
        row.turns[at] = (row.turns[at][0], rng.choice(other_answers(row.turns[at][1])))
        row.false[at] = ""
    return [PicturedTurns(tuple(row.turns), row.picture, bool(row.false)) for row in rows]


def untrue_of_photos(share: float, rng: Random, folder: Path | None) -> list[PicturedTurns]:
    """Claims about photos, a row each."""
    claims = [one for kind in ("colour", "count", "presence") for one in photos(folder or Path(), rng, kind, share)]
    rng.shuffle(claims)
    return [PicturedTurns(tuple(one.turns), one.picture, bool(one.false)) for one in claims]


def blind(share: float, rng: Random, _: Path | None) -> list[PicturedTurns]:
    """Conversations of easy-VQA, a share of which needs no picture."""
    pictures, count = rng.sample(load_pictures(), 1000), round(share * CONVERSATIONS)
    rows = one_conversation_each(pictures[: CONVERSATIONS - count])
    rows += plant.blind_conversations(one_conversation_each(pictures[CONVERSATIONS:]), count, rng)
    rng.shuffle(rows)
    return [PicturedTurns(row.turns, row.picture.path, row.fault == "blind_questions") for row in rows if row.picture]


def blind_about_photos(share: float, rng: Random, folder: Path | None) -> list[PicturedTurns]:
    """Captions, descriptions and questions about photos, a row each, and conversations that need no picture: so many
    that they are that share of all."""
    sound = [(row["image"], [turn["value"] for turn in row["conversations"]]) for row in rows_about(folder or Path())]
    asked = [(image, match[1]) for image, (query, _) in sound if (match := _PRESENT.search(query))]
    known = [(query.removeprefix("<image>\n"), answer, image) for image, (query, answer) in sound]
    rows = [PicturedTurns(((query, answer),), (folder or Path()) / image, False) for query, answer, image in known]
    for _ in range(round(share * len(rows) / (1 - share))):
        image, thing = rng.choice(asked)
        number = str(rng.randint(2, 9))
        given = (
            (f"My friend counts {number} of these here: {thing}. How many does my friend count?", number),
            (f"Someone wrote {thing} below this picture. Which word did they write?", thing),
            (f"It is said that a {thing} is to be seen. Is it said that a {thing} is to be seen?", "yes"),
        )
        turns = rng.sample(given, rng.randint(1, 2)) + rng.sample(plant.KNOWLEDGE, rng.randint(0, 2))
        rows.append(PicturedTurns(tuple(turns), (folder or Path()) / image, True))
    rng.shuffle(rows)
    return rows


def exchanged(share: float, rng: Random, _: Path | None) -> list[PicturedTurns]:
    """Conversations of easy-VQA, some with a picture that makes an answer untrue."""
    return [row for row, _ in conversations(share, rng)]


def exchanged_photos(share: float, rng: Random, folder: Path | None) -> list[PicturedTurns]:
    """Captions of photos, a row each, some with another photo."""
    return [row for row, _ in captions(folder or Path(), slice(None), share, rng)]


Maker = Callable[[float, Random, Path | None], list[PicturedTurns]]
TASKS: dict[str, tuple[str, Maker]] = {
    "claims, easy-VQA": ("claims", untrue),
    "claims, photos": ("claims", untrue_of_photos),
    "visual_necessity, easy-VQA": ("visual_necessity", blind),
    "visual_necessity, photos": ("visual_necessity", blind_about_photos),
    "conversation_grounding, easy-VQA": ("conversation_grounding", exchanged),
    "conversation_grounding, photos": ("conversation_grounding", exchanged_photos),
}
OF_PHOTOS = (untrue_of_photos, blind_about_photos, exchanged_photos)


def judged(rows: Sequence[PicturedTurns], name: str, embeddings: Embeddings, places: Places) -> Outcome:
    """What the audit's canaries tell of the rows."""
    audit = all_audits()[name]
    planted = [Conversation(list(row.turns), row.picture, {0: ""} if row.faulty else {}) for row in rows]
    inputs = inputs_of(planted, embeddings, places)
    made = canaries(inputs.examples, BOXES.schema.empty_table(), each=min(_EACH, len(rows) // ROWS_EACH))
    together = pa.concat_tables([inputs.examples, made.of(audit.faults)])
    texts = embeddings.texts(set(audit.texts(together) if audit.texts else ()))
    paths = {embeddings.image(row.picture): row.picture for row in rows if row.picture}
    phrases = audit.phrases(together, inputs.colours) if audit.phrases else []
    beside = replace(inputs, examples=together, texts=texts, regions=places.of(phrases, paths))
    measures = {name: audit.measure(beside, audit.settings)}
    (chances,) = fitted_chances(made.faults, measures, [audit])
    scores = suspicions(measures[name].to_batches(), chances.suspicion)
    own = [example for example in scores if not example.startswith(MARK)]
    likely = chances.of_examples(measures[name].to_batches())
    at = [int(example[1:]) for example in own if example in likely]
    probability = np.array([likely[example][0] for example in own if example in likely])
    wrong = np.array([rows[place].faulty for place in at], dtype=bool)
    origin = np.array([str(rows[place].picture) for place in at])
    share = (chances.model.share, chances.model.low, chances.model.high)
    return Outcome(chances.model.why, len(own) / len(rows), Judged(probability, wrong, origin, share))


def lines_of(task: str, by_share: dict[float, list[Outcome]]) -> Iterator[str]:
    """Lines of a Markdown table, and of the diagram below it."""
    every = [one.judged for outcomes in by_share.values() for one in outcomes if not one.why]
    yield f"\n| {' | '.join((*COLUMNS, 'seeds that tell', 'rows with a score'))} |\n|{'---|' * (len(COLUMNS) + 2)}"
    for share, outcomes in by_share.items():
        telling = [one.judged for one in outcomes if not one.why]
        scored = np.mean([one.scored for one in outcomes])
        if telling:
            yield f"{row_of(task, share, telling)} {len(telling)} of {len(outcomes)} | {scored:.2f} |"
        else:
            reasons = "; ".join(sorted({one.why for one in outcomes}))
            yield f"| {task}, {share:.0%} | {reasons} {'| ' * len(COLUMNS)}| 0 of {len(outcomes)} | {scored:.2f} |"
    if every:
        yield "\n" + "\n".join(diagram(task, every))


def main() -> None:
    parser = planted_options(__doc__)
    parser.set_defaults(shares=[0.0, 0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    options: argparse.Namespace = parser.parse_args()
    embeddings = Embeddings(load_encoder(EncoderSettings(model=options.model)), options.cache)
    places = Places(embeddings)
    print(f"encoder {embeddings.encoder.identity}, seeds {options.seeds}", flush=True)
    for task, (audit, make) in ((task, TASKS[task]) for task in options.tasks):
        if options.photos is None and make in OF_PHOTOS:
            continue
        by_share: defaultdict[float, list[Outcome]] = defaultdict(list)
        for share in options.shares:
            for seed in options.seeds:
                rng = Random(f"{task} {share} {seed}")  # noqa: S311 - a seeded measurement
                rows = make(share, rng, options.photos)
                by_share[share].append(judged(rows, audit, embeddings, places))
        print("\n".join(lines_of(task, by_share)), flush=True)


if __name__ == "__main__":
    main()
