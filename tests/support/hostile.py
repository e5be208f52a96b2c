"""Deliveries that try an audit's arithmetic: few rows or many, vectors that are all alike or opposite or missing, texts
of every kind beside pictures that they do not fit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

from ops.audits.contract import Audit
from ops.audits.ranges import ANY, has_numbers, range_of
from ops.audits.registry import all_audits
from ops.core.identity import content_id, example_id, image_id, text_id
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import LikelihoodTable, trios
from ops.evidence.picture_table import READ, PictureTable
from ops.text.image_turns import image_turns
from ops.text.turn_rows import turn_rows
from ops.vision.colours import COLOURS, ColourTable, picture_facts
from ops.vision.regions import Phrase, RegionTable
from tests.support.prompt_examples import prompts_of
from tests.support.samples import sample_boxes, sample_images, sample_preferences, speaking, stored_vectors
from tests.support.stored_keys import stored_keys

QUERIES = (
    "What colour is the car?",
    "Is there a dog?",
    "How many dogs are there?",
    "What does the sign say?",
    "Describe the picture.",
    "a red car stands here. what color is the car?",
    "",
    "Ünïcode “query”\u200b?",
)
ANSWERS = (
    "red",
    "blue",
    "yes",
    "no",
    "2",
    "zero",
    "STOP",
    "A red car and a blue bus stand beside a green tree.",
    "There is no red car. Two dogs sit on the wide lawn, and a black cat looks at them from a window.",
    "Rating: 4/5",
    "I don't know",
    "",
    "日本",
)
_DIMS = 4


def _message(role: str, text: str, images: list[str]) -> dict[str, Any]:
    pictures = [{"type": "image", "text": None, "image_id": one} for one in images]
    return {"role": role, "parts": [*pictures, {"type": "text", "text": text, "image_id": None}]}


def _rows(rng: np.random.Generator, count: int, pool: list[str], mix: str) -> pa.Table:
    """Examples of one file, most of one turn. `mix` is what they hold: all kinds, or one query and answer alone."""
    rows: list[dict[str, Any]] = []
    for n in range(count):
        images = [str(one) for one in rng.choice(pool, min(len(pool), int(rng.choice([0, 1, 1, 1, 1, 2]))), False)]
        kind = str(rng.choice(["preference", "prompt", "sft"], p=[0.2, 0.2, 0.6])) if mix == "all" else "sft"
        turns = [_pair(rng, mix) for _ in range(int(rng.choice([1, 1, 1, 3])) if kind == "sft" else 1)]
        messages = [
            _message(role, text, images if at == 0 and role == "user" else [])
            for at, turn in enumerate(turns)
            for role, text in zip(("user", "assistant"), turn, strict=True)
        ]
        if kind == "preference":
            messages[1]["role"] = "chosen"
            messages.append(_message("rejected", str(rng.choice(ANSWERS)), []))
        facts: dict[str, Any] = {}
        if kind == "prompt":
            messages[1]["role"] = "ground_truth"
            count = int(rng.choice([0, 1, 6]))
            messages += [_message("rollout", f"The answer is {rng.choice(ANSWERS)}", []) for _ in range(count)]
            rewards = [(None, -1e300, 0.0, 1.0, 1e300)[int(rng.integers(5))] for _ in range(count)]
            facts = {"style": str(rng.choice(["number", "box", "mathematics", "rule"])), "rewards": rewards}
        content = content_id(kind, messages, images)
        about = {"drop": "hostile", "delivery": "hostile-0", "content_id": content, "source_id": f"{n}", "kind": kind}
        about |= {"example_id": example_id("hostile", f"{n}", content, 0), "dataset": ("one", None)[n % 2]}
        held = {**({"alt": "a red car"} if n % 3 else {}), **({"prompt_facts": facts} if facts else {})}
        about |= {"metadata": json.dumps(held) if held else None, "repairs": []}
        about |= {"provenance": {"file": "rows.jsonl", "row": n}}
        rows.append(about | {"messages": messages, "image_ids": images})
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


def _pair(rng: np.random.Generator, mix: str) -> tuple[str, str]:
    if mix == "colours":
        return QUERIES[0], str(rng.choice(["red", "blue"]))
    return str(rng.choice(QUERIES)), str(rng.choice(ANSWERS))


def _vectors(rng: np.random.Generator, ids: list[str], kind: str, sign: int) -> Vectors:
    """Unit vectors of the ids: none, all the same, on two opposite sides, or any, of which some are missing."""
    if kind == "none" or not ids:
        return Vectors.of([], np.zeros((0, 0)))
    if kind == "missing":
        ids = [one for one in ids if rng.random() < 0.6] or ids[:1]
    drawn = rng.normal(size=(len(ids), _DIMS))
    if kind in ("same", "sides"):
        drawn = np.ones((len(ids), _DIMS)) * sign
    if kind == "sides":
        drawn *= rng.choice([-1, 1], (len(ids), 1))
    return Vectors.of(ids, drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def _some(rng: np.random.Generator, vectors: Vectors, kind: str) -> Vectors:
    count = {"none": 0, "one": 1, "all": len(vectors)}[kind]
    chosen = np.sort(rng.permutation(len(vectors))[:count])
    return Vectors(vectors.ids[chosen], vectors.matrix[chosen])


def _pixels(rng: np.random.Generator) -> np.ndarray:
    flat = np.tile(rng.integers(0, 256, 3), (8, 8, 1))
    return (flat if rng.random() < 0.5 else rng.integers(0, 256, (8, 8, 3))).astype(np.uint8)


def _pictures(rng: np.random.Generator, pool: list[str]) -> PictureTable:
    known = [one for one in pool if rng.random() < 0.8]
    rows = [
        {
            "image_id": word,
            "perceptual_hash": f"{int(rng.integers(0, 2**63)):016x}",
            "colours": picture_facts(_pixels(rng)),
        }
        | {"width_px": int(rng.integers(1, 5000)), "height_px": 1}
        | {
            "edge_share": float(rng.choice([0, 1])),
            "entropy_bits": float(rng.choice([0, 8])),
            "text_share": float(rng.random()),
        }
        for word in known
    ]
    schema = pa.schema([IMAGES.schema.field(name) for name in READ])
    return PictureTable.of(pa.Table.from_pylist(rows, schema=schema))


def _regions(rng: np.random.Generator, phrases: list[Phrase]) -> RegionTable:
    """Places that are sure of themselves, and see any colour: that claimed, others, or none."""
    keys = sorted({phrase.key for phrase in phrases})
    shares = [rng.choice([0, 0, 65535, 30000], 4 * len(COLOURS)).astype("<u2").tobytes() for _ in keys]
    figures = [(1.0, float(rng.choice([0.0, 9.0])), float(rng.choice([0.0, 9.0]))) for _ in keys]
    return RegionTable.of(keys, [(0.0, 0.0, 1.0, 1.0)] * len(keys), figures, shares)


def _likelihoods(rng: np.random.Generator, examples: pa.Table) -> LikelihoodTable:
    asked = [trio for trio in trios(image_turns(examples)) if trio]
    keys = sorted({q.key for trio in asked for q in (trio.real, trio.missing, trio.swapped) if q})
    return LikelihoodTable.of(
        keys, [-float(rng.choice([0, 1, 500])) for _ in keys], [int(rng.integers(0, 9)) for _ in keys]
    )


@dataclass(frozen=True, slots=True)
class Hostile:
    """What a delivery is made from: the `seed` of all that is drawn, how many rows and pictures, whether its answers
    are of all kinds or colours alone, and of which kind its vectors and its bank are."""

    seed: int
    rows: int
    pictures: int
    mix: str
    images: str
    texts: str
    sign: int
    bank_images: str
    bank_texts: str

    def inputs(self) -> RowInputs:
        """The delivery, its vectors and its bank."""
        rng = np.random.default_rng(self.seed)
        pool = [image_id(f"{n}".encode()) for n in range(self.pictures)]
        examples = _rows(rng, self.rows, pool, self.mix)
        asked = [audit.texts for audit in all_audits().values() if audit.texts is not None]
        images = _vectors(rng, pool, self.images, 1)
        texts = _vectors(rng, sorted({text_id(t) for texts in asked for t in texts(examples)}), self.texts, self.sign)
        colours = ColourTable.of(pool, [picture_facts(_pixels(rng)) for _ in pool])
        boxes = sample_boxes(examples)
        phrases = [a.phrases(examples, colours) for a in all_audits().values() if a.phrases is not None]
        phrases += [a.box_phrases(boxes) for a in all_audits().values() if a.box_phrases is not None]
        return RowInputs(
            examples=examples,
            images=images,
            texts=texts,
            bank_images=_some(rng, images, self.bank_images),
            bank_texts=_some(rng, texts, self.bank_texts),
            colours=colours,
            pictures=_pictures(rng, pool),
            likelihoods=_likelihoods(rng, examples),
            regions=_regions(rng, [phrase for some in phrases for phrase in some]),
            boxes=boxes,
        )

    def tables(self) -> dict[str, pa.Table]:
        """The delivery as corpus audits read it."""
        rng = np.random.default_rng(self.seed)
        inputs = self.inputs()
        judged = sample_preferences(inputs.examples)
        raters = {
            "annotator": rng.choice([None, "ada", "ben"], judged.num_rows).tolist(),
            "rating": rng.choice([None, 0.0, 1.0, 5.0, 99.0], judged.num_rows).tolist(),
            "rating_scale": rng.choice([None, 0.0, 5.0], judged.num_rows).tolist(),
        }
        for name, values in raters.items():
            at = judged.schema.get_field_index(name)
            judged = judged.set_column(at, judged.schema.field(at), pa.array(values, judged.schema.field(at).type))
        delivered = {
            "examples": inputs.examples,
            **turn_rows(inputs.examples),
            "preferences": judged,
            "prompts": prompts_of(inputs.examples),
            "images": sample_images(inputs.examples),
            "embeddings": stored_vectors(inputs),
            "arrivals": pa.table({"delivery": ["hostile-0"], "arrival": pa.array([0], pa.int32())}),
        }
        return delivered | stored_keys(delivered)


_KINDS = st.sampled_from(["any", "missing", "same", "sides", "none"])
_BANKS = st.sampled_from(["all", "one", "none"])

hostile = st.builds(
    Hostile,
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([0, 1, 3, 40, 90]),
    pictures=st.sampled_from([0, 1, 2, 40]),
    mix=st.sampled_from(["all", "colours"]),
    images=_KINDS,
    texts=_KINDS,
    sign=st.sampled_from([-1, 1]),
    bank_images=_BANKS,
    bank_texts=_BANKS,
)


_SOUND = Hostile(
    seed=5, rows=40, pictures=6, mix="all", images="any", texts="any", sign=1, bank_images="all", bank_texts="all"
)
#: Deliveries with next to nothing in them.
BARE = {
    "empty": replace(_SOUND, rows=0),
    "one row": replace(_SOUND, rows=1, mix="colours"),
    "text alone": replace(_SOUND, pictures=0),
    "images alone": replace(_SOUND, texts="none"),
    "no vector": replace(_SOUND, images="none", texts="none"),
}
#: Deliveries that try the arithmetic of corpus audits, each of which takes seconds.
TRYING = {
    "alike": replace(_SOUND, rows=60, pictures=2, mix="colours", images="same", texts="same"),
    "opposite": replace(_SOUND, rows=60, pictures=2, images="sides", texts="sides"),
}


@cache
def bare_inputs(name: str) -> RowInputs:
    """The one of BARE of that name."""
    return BARE[name].inputs()


def outside(audit: Audit, measured: pa.Table) -> Iterator[str]:
    """What lies outside the ranges that the audit declares, or is no finite number."""
    for declared in filter(has_numbers, audit.columns):
        values: Any = measured[declared.name].combine_chunks().drop_null()
        numbers: Any = pc.list_flatten(values) if pa.types.is_list(values.type) else values
        holds = range_of(declared) or ANY
        for value in numbers.to_pylist():
            if not isfinite(value) or not holds.holds(value):
                yield f"{audit.name}.{declared.name} is {value}, declared {holds}"
                break


def bold(audit: Audit) -> Any:
    """The audit's settings with everything called fewest as small as it may be, so that it judges whatever it can."""
    settings = speaking(audit)
    for field in fields(settings) if settings is not None else ():
        if not field.name.startswith("fewest"):
            continue
        for few in (1, 2, 3, 8, 40):
            try:
                settings = replace(settings, **{field.name: few})
            except ValueError:
                continue
            break
    return settings
