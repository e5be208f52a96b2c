"""How right the grounding audits are: faults planted by seed in data that no one here wrote, with intervals.

    OMP_NUM_THREADS=2 .venv/bin/python -m benchmarks.audit_accuracy --photos ../shared/data/photos

easy-VQA (test split): 800 conversations, one picture each, and the shares of faults given by `--shares`: pictures
exchanged so that an answer becomes untrue (wrong image), conversations that need no picture added (blind questions), a
stretch of a 240-row file shifted (shifted join). Photos: each with its captions, once with its own picture and once
with another; and each with a description of three captions, once all its own, once with one of another photo (partly
wrong text) and once with all of another (wrong description). Beside each audit stands the common practice: the mean
cosine of question and answer as they stand. For wrong images, the estimated share of mismatched conversations stands
beside the planted one.

For each figure: the area under the ROC curve (AUROC) and the recall at 1 % false alarms, with the 95 % interval of 400
bootstrap draws of examples, over the seeds together (photos: the first seed alone). `--seeds` are for reporting; tune
on others.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.options import planted_options
from ops.audits.registry import all_audits
from ops.core.accuracy import auroc
from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.turns import read_turns
from ops.core.vectors import Vectors
from ops.demo import plant
from ops.demo.pictures import load_pictures
from ops.demo.rows import Row, one_conversation_each
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.grounding.mismatch import estimate_mismatch
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import Encoder, load_encoder

AUDITS = (
    "alignment_shift",
    "calibrated_grounding",
    "conversation_grounding",
    "grounding",
    "metadata_leak",
    "visual_necessity",
)
CONVERSATIONS = 800
FILE_ROWS = 240
BANK = 256


@dataclass(frozen=True, slots=True)
class PicturedTurns:
    """One example to measure: what it says, the picture's file if it has one, and whether a fault was planted in it."""

    turns: tuple[tuple[str, str], ...]
    picture: Path | None
    faulty: bool


class Embeddings:
    """Vectors by content, kept in a file between runs."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self.file = folder / f"{encoder.identity}.npz"
        self.vectors: dict[str, np.ndarray] = dict(np.load(self.file)) if self.file.exists() else {}
        self.ids: dict[Path, str] = {}

    def image(self, path: Path) -> str:
        """The picture's id."""
        if path not in self.ids:
            self.ids[path] = image_id(path.read_bytes())
        return self.ids[path]

    def images(self, paths: Sequence[Path]) -> Vectors:
        """Vectors of the pictures."""
        by_id = {self.image(path): path for path in paths}
        new = [path for i, path in sorted(by_id.items()) if i not in self.vectors]
        for start in range(0, len(new), 32):
            opened = [Image.open(path).convert("RGB") for path in new[start : start + 32]]
            made = self.encoder.encode_images(opened)
            self.vectors |= {self.image(p): v for p, v in zip(new[start : start + 32], made, strict=True)}
        return self._vectors(list(by_id), changed=bool(new))

    def texts(self, texts: set[str]) -> Vectors:
        """Vectors of the texts."""
        new = sorted(text for text in texts if text_id(text) not in self.vectors)
        made = self.encoder.encode_texts(new) if new else []
        self.vectors |= {text_id(text): vector for text, vector in zip(new, made, strict=True)}
        return self._vectors([text_id(text) for text in sorted(texts)], changed=bool(new))

    def _vectors(self, ids: list[str], *, changed: bool) -> Vectors:
        if changed:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self.file, allow_pickle=False, **self.vectors)
        return Vectors.of(ids, np.stack([self.vectors[i] for i in ids]) if ids else np.zeros((0, 0)))


def example(number: int, row: PicturedTurns, embeddings: Embeddings) -> dict[str, Any]:
    """A row of schemas.EXAMPLES."""
    images = [] if row.picture is None else [embeddings.image(row.picture)]
    picture = [{"type": "image", "text": None, "image_id": image} for image in images]
    messages = []
    for turn, (question, answer) in enumerate(row.turns):
        asked = [{"type": "text", "text": question, "image_id": None}]
        parts = [{"type": "text", "text": answer, "image_id": None}]
        messages.append({"role": "user", "parts": [*picture, *asked] if turn == 0 else asked})
        messages.append({"role": "assistant", "parts": parts})
    return {
        "delivery": "bench-0",
        "example_id": f"e{number:05d}",
        "source_id": str(number),
        "kind": "sft",
        "messages": messages,
        "image_ids": images,
        "provenance": {"file": "rows.json", "row": number},
    }


def inputs_of(rows: Sequence[PicturedTurns], embeddings: Embeddings) -> RowInputs:
    """What the audits see of these rows."""
    made = [example(n, row, embeddings) for n, row in enumerate(rows)]
    examples = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    images = embeddings.images([row.picture for row in rows if row.picture])
    wanted = {text for name in AUDITS if (texts := all_audits()[name].texts) for text in texts(examples)}
    texts = embeddings.texts(wanted | set(raw_texts(examples)))
    return RowInputs(examples, images, texts, choose_bank(images, BANK), choose_bank(texts, BANK))


def raw_texts(examples: pa.Table) -> list[str]:
    """Question and answer of each turn as they stand."""
    return [f"{turn.query} {turn.answer}".strip() for turn in read_turns(examples)]


def raw_cosine(inputs: RowInputs) -> np.ndarray:
    """Mean cosine of an example's questions and answers with its picture (n), NaN where it has none."""
    owners = np.array([turn.row for turn in read_turns(inputs.examples)], dtype=np.int64)
    cosines, known = raw_cosines(inputs)
    rows = inputs.examples.num_rows
    sums = np.bincount(owners[known], weights=cosines[known], minlength=rows)
    counts = np.bincount(owners[known], minlength=rows)
    return np.divide(sums, counts, out=np.full(rows, np.nan), where=counts > 0)


def raw_cosines(inputs: RowInputs) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of each turn's question and answer, as they stand, with its picture (m), and whether there is one (m)."""
    image_lists = inputs.examples["image_ids"].to_pylist()
    images, has_image = inputs.images.gather(
        [(image_lists[turn.row] or [""])[0] for turn in read_turns(inputs.examples)]
    )
    texts, has_text = inputs.texts.gather([text_id(text) for text in raw_texts(inputs.examples)])
    return np.einsum("nd,nd->n", images, texts), has_image & has_text


def measured(name: str, inputs: RowInputs) -> Any:
    """The audit's measures as a data frame, those that abstain left out."""
    audit = all_audits()[name]
    frame = audit.measure(inputs, audit.settings).to_pandas()
    frame["row"] = frame["example_id"].str[1:].astype(int)
    return frame[~frame["abstained"]]


class Ledger:
    """Scores (high where a fault is suspected) of faulty and sound rows, by what was measured and how."""

    def __init__(self) -> None:
        self.scores: dict[tuple[str, str], tuple[list[np.ndarray], list[np.ndarray]]] = defaultdict(lambda: ([], []))

    def add(self, task: str, how: str, scores: np.ndarray, faulty: np.ndarray) -> None:
        """Scores of rows, NaN where there is none, and which of them are faulty."""
        bad, good = self.scores[task, how]
        known = ~np.isnan(scores)
        bad.append(scores[known & faulty])
        good.append(scores[known & ~faulty])

    def rows(self) -> Iterator[str]:
        """Lines of a Markdown table."""
        yield "| fault | measure | faulty | sound | AUROC (95 %) | recall at 1 % false alarms (95 %) |"
        yield "|---|---|--:|--:|---|---|"
        for (task, how), (bad, good) in self.scores.items():
            positive, negative = np.concatenate(bad), np.concatenate(good)
            area, recall = interval(positive, negative, auroc), interval(positive, negative, recall_at_one_percent)
            yield f"| {task} | {how} | {len(positive)} | {len(negative)} | {area} | {recall} |"


def recall_at_one_percent(bad: np.ndarray, good: np.ndarray) -> float:
    """Share of the faulty rows above all but one in a hundred of the sound ones."""
    return float(np.mean(bad > np.quantile(good, 0.99, method="higher")))


def interval(bad: np.ndarray, good: np.ndarray, figure: Any) -> str:
    """The figure with its 95 % bootstrap interval; none where either side is empty."""
    if not len(bad) or not len(good):
        return "none"
    rng = np.random.default_rng(0)
    drawn = [figure(rng.choice(bad, len(bad)), rng.choice(good, len(good))) for _ in range(400)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{figure(bad, good):.3f} ({low:.3f} to {high:.3f})"


def shown_of(rows: Sequence[Row], fault: str) -> list[PicturedTurns]:
    return [PicturedTurns(row.turns, row.picture.path, row.fault == fault) for row in rows if row.picture]


def wrong_images(rng: Random, share: float, embeddings: Embeddings, ledger: Ledger) -> dict[str, Any]:
    """Exchanged pictures, by conversation and by turn; the planted and the estimated share of them."""
    rows = one_conversation_each(rng.sample(load_pictures(), CONVERSATIONS))
    plant.swap_images(rng.sample(rows, len(rows)), round(share * CONVERSATIONS))
    examples = shown_of(rows, "wrong_image")
    inputs = inputs_of(examples, embeddings)
    faulty = np.array([row.faulty for row in examples])
    task = f"wrong image, easy-VQA, {share:.0%}"
    measures = measured("conversation_grounding", inputs)
    ledger.add(task, "conversation_grounding.pooled_z", -measures["pooled_z"].to_numpy(), faulty[measures["row"]])
    ledger.add(task, "mean raw cosine", -raw_cosine(inputs), faulty)
    turns = measured("grounding", inputs)
    for name, sign in (("cosine", -1), ("margin", -1), ("p_value", 1), ("hard_rank", 1)):
        ledger.add(f"{task}, by turn", f"grounding.{name}", sign * turns[name].to_numpy(), faulty[turns["row"]])
    calibrated = measured("calibrated_grounding", inputs)
    scores = -calibrated["calibrated_z"].to_numpy()
    ledger.add(f"{task}, by turn", "calibrated_grounding.calibrated_z", scores, faulty[calibrated["row"]])
    estimate = estimate_mismatch(measures["rank"].to_numpy(), measures["compared"].to_numpy())
    return {"planted": round(float(faulty[measures["row"]].mean()), 4)} | (asdict(estimate) if estimate else {})


def blind_questions(rng: Random, share: float, embeddings: Embeddings, ledger: Ledger) -> None:
    """Conversations that need no picture, by conversation and by turn."""
    pictures = rng.sample(load_pictures(), 1000)
    rows = one_conversation_each(pictures[:CONVERSATIONS])
    rows += plant.blind_conversations(
        one_conversation_each(pictures[CONVERSATIONS:]), round(share * CONVERSATIONS), rng
    )
    rng.shuffle(rows)
    examples = shown_of(rows, "blind_questions")
    inputs = inputs_of(examples, embeddings)
    faulty = np.array([row.faulty for row in examples])
    turns = measured("visual_necessity", inputs)
    whole = turns.groupby("row").first()
    for task, frame, names in (
        ("blind, by turn", turns, {"text_predictability": 1, "pvi": -1, "information": -1}),
        ("blind, by conversation", whole.reset_index(), {"example_text_predictability": 1, "example_pvi": -1}),
    ):
        for name, sign in names.items():
            scores = sign * frame[name].to_numpy()
            ledger.add(f"{task}, {share:.0%}", f"visual_necessity.{name}", scores, faulty[frame["row"]])
    ledger.add(f"blind, by conversation, {share:.0%}", "mean raw cosine", -raw_cosine(inputs), faulty)
    leaked = measured("metadata_leak", inputs).groupby("row")["is_leaked"].max()
    ledger.add(
        f"blind, by conversation, {share:.0%}",
        "metadata_leak.is_leaked (any turn)",
        leaked.to_numpy().astype(float),
        faulty[leaked.index.to_numpy()],
    )


def shifted_joins(rng: Random, share: float, embeddings: Embeddings) -> dict[str, Any]:
    """One file with a shifted stretch (none for a share of 0): what was named."""
    rows = one_conversation_each(rng.sample(load_pictures(), FILE_ROWS))
    if share:
        plant.shift_images(rows, count=round(share * FILE_ROWS), by=rng.randrange(1, 9), rng=rng)
    examples = shown_of(rows, "shifted_join")
    measures = measured("alignment_shift", inputs_of(examples, embeddings))
    named, faulty = measures["is_shifted"].to_numpy(), np.array([row.faulty for row in examples])[measures["row"]]
    return {
        "share": share,
        "found": bool((named & faulty).any()),
        "named": int(named.sum()),
        "rows_found": float(named[faulty].mean()) if faulty.any() else None,
        "sound_rows_named": float(named[~faulty].mean()) if (~faulty).any() else None,
        "p_value": float(measures["p_value"].min()),
    }


def photo_captions(folder: Path, rng: Random, embeddings: Embeddings, ledger: Ledger) -> None:
    """Photos with their captions: each with its own picture, then each with another's."""
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
    paths = [folder / line["image"] for line in lines]
    by = rng.randrange(1, max(2, len(lines)))
    dialogues = [tuple(("Describe the image.", caption) for caption in line["captions"]) for line in lines]
    for faulty, pictures in ((False, paths), (True, paths[by:] + paths[:by])):
        examples = [PicturedTurns(turns, path, faulty) for turns, path in zip(dialogues, pictures, strict=True)]
        inputs = inputs_of(examples, embeddings)
        flags = np.full(len(examples), faulty)
        measures = measured("conversation_grounding", inputs)
        scores = -measures["pooled_z"].to_numpy()
        ledger.add("wrong image, photos", "conversation_grounding.pooled_z", scores, flags[measures["row"]])
        ledger.add("wrong image, photos", "mean raw cosine", -raw_cosine(inputs), flags)


def descriptions(folder: Path, rng: Random, embeddings: Embeddings, ledger: Ledger) -> None:
    """Photos with a description of three captions, of which the last, or all, are another photo's."""
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
    by = rng.randrange(1, max(2, len(lines)))
    captions = [[caption.strip().rstrip(".") + "." for caption in line["captions"][:3]] for line in lines]
    for task, own in (("partly wrong text, photos", 2), ("wrong description, photos", 0)):
        for faulty in (False, True):
            others = [captions[(n + by * faulty) % len(captions)] for n in range(len(captions))]
            texts = [mine[:own] + other[own:] for mine, other in zip(captions, others, strict=True)]
            examples = [
                PicturedTurns((("Describe the image.", " ".join(text)),), folder / line["image"], faulty)
                for text, line in zip(texts, lines, strict=True)
            ]
            inputs = inputs_of(examples, embeddings)
            measures = measured("grounding", inputs)
            flags = np.full(len(examples), faulty)
            for name, sign in (("margin", -1), ("weakest_gain", -1), ("p_value", 1)):
                ledger.add(task, f"grounding.{name}", sign * measures[name].to_numpy(), flags[measures["row"]])
            ledger.add(task, "raw cosine of the whole", -raw_cosine(inputs), flags)


def main() -> None:
    parser = planted_options(__doc__)
    parser.add_argument("--only", nargs="+", default=["wrong", "blind", "shift"])
    options = parser.parse_args()
    encoder = load_encoder(EncoderSettings(model=options.model))
    embeddings, ledger = Embeddings(encoder, options.cache), Ledger()
    print(f"encoder {encoder.identity}, seeds {options.seeds}", flush=True)
    files, shares = [], []
    for seed in options.seeds:
        for share in options.shares:
            if "wrong" in options.only:
                shares.append(wrong_images(Random(seed), share, embeddings, ledger))  # noqa: S311 - a seeded measurement
            if "blind" in options.only:
                blind_questions(Random(seed), share, embeddings, ledger)  # noqa: S311
        if "shift" in options.only:
            for n, share in enumerate((0.0, 0.0, 0.0, 0.0, 0.3, 0.3, 0.5, 1.0)):
                files.append(shifted_joins(Random(1000 * seed + n), share, embeddings))  # noqa: S311
    if options.photos and "wrong" in options.only:
        # Once: the same 51 photos again would make the intervals too narrow.
        photo_captions(options.photos, Random(options.seeds[0]), embeddings, ledger)  # noqa: S311
        descriptions(options.photos, Random(options.seeds[0]), embeddings, ledger)  # noqa: S311
    print("\n".join(ledger.rows()))
    print(json.dumps({"mismatched shares": shares, "shifted files": files}, indent=1))


if __name__ == "__main__":
    main()
