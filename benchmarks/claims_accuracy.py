"""How right the claims audit is: false claims planted by seed in data that no one here wrote, with intervals.

    OMP_NUM_THREADS=2 .venv/bin/python -m benchmarks.claims_accuracy --photos ../shared/data/photos

easy-VQA (test split): 800 conversations, one picture each; in a share of them one answer is made false: of colour, of
presence (which shape), or of number ("how many shapes are there?" - "1" is added to each conversation, for the set asks
no such question). Photos: colours in captions, replaced by others that no caption of the photo names; numbers and
presence of things, asked of the boxes' categories. Every claim of the kind is scored; one claim, one row.

Beside the audit's score stand the common practice (raw cosine of question and answer with the picture), and two that
look at no picture: what the encoder's text tower alone prefers (`blind_margin`), and how rarely the question has this
answer in the delivery. Claims without a score count as 0.5. AUROC and recall at 1 % false alarms come with the 95 %
interval of 400 bootstrap draws of claims, over the seeds together; shares of verdicts with Wilson's. `--seeds` are for
reporting; what the audit was set by: easy-VQA's train split, and photos with seeds that are not reported.

Pointing (as in Zhang et al., "Top-down Neural Attention by Excitation Backprop", 2016): the share of the boxes'
categories in a photo for which the centre of the region that is found lies in a box of that category, beside the
centre of the picture. Every second photo served to choose how regions are found; they are counted apart.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from benchmarks.audit_accuracy import Embeddings, Ledger, PicturedTurns, example, raw_cosines, raw_texts
from benchmarks.options import planted_options
from ops.audits.claims import AUDIT
from ops.claims.texts import read_claims
from ops.core.accuracy import wilson
from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from ops.core.turns import read_turns
from ops.demo.pictures import load_pictures
from ops.demo.rows import other_answers
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from ops.vision.colours import WORDS, ColourTable
from ops.vision.regions import EVERYDAY, Phrase, RegionTable, StoredRegion, found_regions, naming
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder

CONVERSATIONS = 800
BANK = 256
MOST_COUNTED = 6
_HOW_MANY = "how many shapes are there?"


@dataclass(slots=True)
class Conversation:
    """A conversation, about a picture where there is one, and the turns of it that were made false, each with what it
    now says; empty where all that it claims is false."""

    turns: list[tuple[str, str]]
    picture: Path | None
    false: dict[int, str]


def easy_vqa(rng: Random, kind: str, share: float) -> list[Conversation]:
    """Conversations of the test split, `share` of which have one false answer of that kind."""
    conversations = [Conversation(list(p.turns), p.path, {}) for p in rng.sample(load_pictures(), CONVERSATIONS)]
    if kind == "count":
        for conversation in conversations:
            conversation.turns.append((_HOW_MANY, "1"))
    able = [one for one in conversations if _turns_of(one, kind)]
    for conversation in rng.sample(able, round(share * CONVERSATIONS)):
        at = rng.choice(_turns_of(conversation, kind))
        query, answer = conversation.turns[at]
        conversation.turns[at] = (
            query,
            rng.choice(("2", "3")) if kind == "count" else rng.choice(other_answers(answer)),
        )
        conversation.false[at] = ""
    return conversations


def photos(folder: Path, rng: Random, kind: str, share: float) -> list[Conversation]:
    """Claims about photos, `share` of which are false; one conversation a claim."""
    captions = {line["image"]: line["captions"] for line in _lines(folder / "captions.jsonl")}
    boxes = {line["image"]: line["objects"] for line in _lines(folder / "objects.jsonl")}
    if kind == "colour":
        pairs = list(_captions(captions, rng))
    else:
        pairs = list((_counts if kind == "count" else _presences)(boxes, rng))
    chosen = set(rng.sample(range(len(pairs)), min(len(pairs), max(1, round(share * len(pairs))))))
    return [
        Conversation([(query, false if n in chosen else true)], folder / image, {0: value} if n in chosen else {})
        for n, (image, query, true, false, value) in enumerate(pairs)
    ]


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


#: Image, question, true answer, false answer, and what is false in it (empty: all).
_Pair = tuple[str, str, str, str, str]


def _captions(captions: dict[str, list[str]], rng: Random) -> Iterator[_Pair]:
    """Captions that name a colour, and the same with one that no caption of the photo names in its place."""
    query = "Describe the image."
    for image, lines in sorted(captions.items()):
        words = set(" ".join(lines).lower().replace(",", " ").replace(".", " ").split())
        named = {name for word in words & WORDS.keys() for name in WORDS[word]}
        for caption in lines:
            claims = [claim for claim in read_claims(query, caption) if claim.kind == "colour"]
            rivals = [(foil, new) for claim in claims for foil in claim.foils if (new := _new(foil, query, named))]
            if rivals:
                false, new = rng.choice(rivals)
                yield image, query, caption, false, new


def _new(caption: str, query: str, named: set[str]) -> str:
    """The colour that the caption claims and the photo's captions do not."""
    colours = [claim.value for claim in read_claims(query, caption) if claim.kind == "colour"]
    return next((one for one in colours if named.isdisjoint(WORDS[one])), "")


def _counts(boxes: dict[str, list[dict]], rng: Random) -> Iterator[_Pair]:
    for image, objects in sorted(boxes.items()):
        crowds = {box["category"] for box in objects if box["iscrowd"]}
        for category, number in sorted(Counter(box["category"] for box in objects).items()):
            if category not in crowds and number <= MOST_COUNTED:
                wrong = rng.choice([n for n in (number - 2, number - 1, number + 1, number + 2) if n > 0])
                yield image, f"How many {category}s are there?", str(number), str(wrong), ""


def _presences(boxes: dict[str, list[dict]], rng: Random) -> Iterator[_Pair]:
    """Each category of a photo, and as many that are not in it."""
    categories = sorted({box["category"] for objects in boxes.values() for box in objects})
    for image, objects in sorted(boxes.items()):
        shown_categories = sorted({box["category"] for box in objects})
        others = [one for one in categories if one not in shown_categories]
        absent = rng.sample(others, min(len(others), len(shown_categories)))
        yield from ((image, f"Is there a {one} in the picture?", "yes", "no", "") for one in shown_categories)
        yield from ((image, f"Is there a {one} in the picture?", "no", "yes", "") for one in absent)


def _turns_of(conversation: Conversation, kind: str) -> list[int]:
    return [
        n
        for n, (query, answer) in enumerate(conversation.turns)
        if any(c.kind == kind for c in read_claims(query, answer))
    ]


class Places:
    """Regions by phrase, each found once."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings
        self.everyday = self._vectors(EVERYDAY)
        self.places: dict[str, StoredRegion | None] = {}

    def of(self, phrases: Sequence[Phrase], paths: dict[str, Path]) -> RegionTable:
        """The regions of the phrases, in the pictures at these paths."""
        sought: defaultdict[str, list[Phrase]] = defaultdict(list)
        for phrase in phrases:
            if phrase.key not in self.places:
                sought[phrase.image_id].append(phrase)
        for image, some in sorted(sought.items()):
            picture = Image.open(paths[image]).convert("RGB")
            cells = self.embeddings.encoder.encode_patches([picture])
            vectors = self._vectors([phrase.thing for phrase in some])
            places = [None] * len(some) if cells is None else found_regions(picture, cells[0], vectors, self.everyday)
            self.places |= {phrase.key: place for phrase, place in zip(some, places, strict=True)}
        known = {phrase.key: place for phrase in phrases if (place := self.places[phrase.key])}
        figures = [(place.similarity, place.fit, place.margin) for place in known.values()]
        boxes, colours = [place.box for place in known.values()], [place.colours for place in known.values()]
        return RegionTable.of(list(known), boxes, figures, colours)

    def _vectors(self, things: Sequence[str]) -> np.ndarray:
        texts = [naming(thing) for thing in things]
        return self.embeddings.texts(set(texts)).gather([text_id(text) for text in texts])[0]


def pointing(folder: Path, places: Places) -> Iterator[str]:
    """Lines of a Markdown table: how often a region's centre lies in a box of what it is the region of."""
    hits: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for number, line in enumerate(sorted(_lines(folder / "objects.jsonl"), key=lambda record: record["image"])):
        image = places.embeddings.image(folder / line["image"])
        named = sorted({box["category"] for box in line["objects"] if not box["iscrowd"]})
        regions = places.of([Phrase(image, thing) for thing in named], {image: folder / line["image"]})
        for thing in named:
            if region := regions.get(Phrase(image, thing)):
                left, top, right, bottom = region.box
                hit = _in_box(line, thing, (left + right) / 2, (top + bottom) / 2), _in_box(line, thing, 0.5, 0.5)
                is_certain = region.fit >= AUDIT.settings.region_fit and region.margin >= AUDIT.settings.region_margin
                group = "chosen on" if number % 2 == 0 else "others"
                hits[f"all, {group}"].append(hit)
                hits[f"{'certain' if is_certain else 'uncertain'}, {group}"].append(hit)
    yield "| regions, photos | centre in a box | centre of the picture |"
    yield "|---|---|---|"
    for group, pairs in sorted(hits.items()):
        cells = (with_interval(sum(hit[side] for hit in pairs), len(pairs)) for side in (0, 1))
        yield f"| {group} | {' | '.join(cells)} |"


def _in_box(line: dict, thing: str, across: float, down: float) -> bool:
    x, y = across * line["width"], down * line["height"]
    boxes = (box["bbox_xywh_px"] for box in line["objects"] if box["category"] == thing)
    return any(left <= x <= left + width and top <= y <= top + height for left, top, width, height in boxes)


def inputs_of(conversations: Sequence[Conversation], embeddings: Embeddings, places: Places) -> RowInputs:
    """What the audit sees."""
    rows = [PicturedTurns(tuple(one.turns), one.picture, bool(one.false)) for one in conversations]
    made = [example(n, row, embeddings) | {"dataset": "told"} for n, row in enumerate(rows)]
    examples = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    paths = sorted({one.picture for one in conversations if one.picture})
    images = embeddings.images(paths)
    texts = embeddings.texts({*(AUDIT.texts(examples) if AUDIT.texts else ()), *raw_texts(examples)})
    facts = [check_image(path.read_bytes(), IngestSettings()).colours for path in paths]
    colours = ColourTable.of([embeddings.image(path) for path in paths], facts)
    phrases = AUDIT.phrases(examples, colours) if AUDIT.phrases else []
    regions = places.of(phrases, {embeddings.image(path): path for path in paths})
    bank = choose_bank(images, BANK)
    return RowInputs(examples, images, texts, bank, choose_bank(texts, BANK), colours, regions=regions)


def claims_of(conversations: Sequence[Conversation], kind: str, inputs: RowInputs) -> pd.DataFrame:
    """The audit's rows of that kind, with whether each is false and what the baselines give it."""
    frame = AUDIT.measure(inputs, AUDIT.settings).to_pandas()
    frame = frame[frame["kind"] == kind].reset_index(drop=True)
    owner = frame["example_id"].str[1:].astype(int)
    frame["is_false"] = [
        conversations[row].false.get(turn) in ("", value)
        for row, turn, value in zip(owner, frame["turn"], frame["said"], strict=True)
    ]
    turns = read_turns(inputs.examples)
    cosines = dict(zip([(turn.row, turn.turn) for turn in turns], raw_cosines(inputs)[0], strict=True))
    given = Counter((turn.query, turn.answer) for turn in turns)
    asked = Counter(turn.query for turn in turns)
    pairs = {(turn.row, turn.turn): (turn.query, turn.answer) for turn in turns}
    keys = list(zip(owner, frame["turn"], strict=True))
    frame["raw"] = [-cosines[key] for key in keys]
    frame["rare"] = [-given[pairs[key]] / asked[pairs[key][0]] for key in keys]
    return frame


class Verdicts:
    """Verdicts on false and true claims, by task."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[tuple[bool, str]]] = defaultdict(Counter)

    def add(self, task: str, frame: pd.DataFrame) -> None:
        """Counts the verdicts of these claims."""
        self.counts[task].update(zip(frame["is_false"].tolist(), frame["verdict"].tolist(), strict=True))

    def rows(self) -> Iterator[str]:
        """Lines of a Markdown table."""
        yield "| claims | false found contradicted | true called contradicted | abstained |"
        yield "|---|---|---|---|"
        for task, counts in self.counts.items():
            false, true = (sum(n for (is_false, _), n in counts.items() if is_false is side) for side in (True, False))
            abstained = counts[True, "abstained"] + counts[False, "abstained"]
            cells = [(counts[True, "contradicted"], false), (counts[False, "contradicted"], true)]
            yield f"| {task} | {' | '.join(with_interval(*cell) for cell in [*cells, (abstained, false + true)])} |"


def with_interval(hits: int, of: int) -> str:
    """A share with its 95 % interval."""
    share = hits / max(of, 1)
    low, high = wilson(share, of)
    return f"{share:.4f} ({low:.4f} to {high:.4f}) of {of}"


def main() -> None:
    options = planted_options(__doc__).parse_args()
    encoder = load_encoder(EncoderSettings(model=options.model))
    embeddings, ledger, verdicts = Embeddings(encoder, options.cache), Ledger(), Verdicts()
    places = Places(embeddings)
    print(f"encoder {encoder.identity}, seeds {options.seeds}", flush=True)
    if options.photos:
        print("\n".join([*pointing(options.photos, places), ""]), flush=True)
    for data in ("easy-VQA", *(["photos"] if options.photos else [])):
        for kind in ("colour", "count", "presence"):
            for share in options.shares:
                for seed in options.seeds:
                    rng = Random(f"{data} {kind} {seed}")  # noqa: S311 - a seeded measurement
                    conversations = (
                        easy_vqa(rng, kind, share) if data == "easy-VQA" else photos(options.photos, rng, kind, share)
                    )
                    frame = claims_of(conversations, kind, inputs_of(conversations, embeddings, places))
                    task = f"{kind}, {data}, {share:.0%}"
                    false = frame["is_false"].to_numpy()
                    for how, scores in (
                        ("claims.score", frame["score"].fillna(0.5)),
                        ("raw cosine", frame["raw"]),
                        ("text tower alone", -frame["blind_margin"].fillna(0)),
                        ("rarity of the answer, text alone", frame["rare"]),
                    ):
                        ledger.add(task, how, scores.to_numpy(dtype=float), false)
                    verdicts.add(task, frame)
    print("\n".join([*ledger.rows(), "", *verdicts.rows()]))


if __name__ == "__main__":
    main()
