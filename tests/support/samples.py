"""Small examples with everything an audit may meet: several turns and images, none, nulls, unicode, preferences."""

import json
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.preflight import PreflightSettings
from ops.audits.registry import all_audits
from ops.core.canonical import image_key, query_key, response_key
from ops.core.identity import content_id, digest, example_id, image_id, text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import BOXES, EXAMPLES, IMAGES, PREFERENCES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import PictureTable
from ops.preflight.registry import all_trainers
from ops.vision.colours import picture_facts

DIM = 16
_NAMED = {"preflight": PreflightSettings(trainers={name: {} for name in all_trainers()})}
"""Settings of audits that measure nothing until something is named to them."""


def speaking(audit: Audit) -> Any:
    """The audit's settings, with something named to it where it says nothing without."""
    return _NAMED.get(audit.name, audit.settings)


def _message(role: str, text: str | None, image: str | None = None) -> dict:
    parts = [] if image is None else [{"type": "image", "text": None, "image_id": image}]
    return {"role": role, "parts": [*parts, {"type": "text", "text": text, "image_id": None}]}


def _example(number: int, messages: list[dict], *, kind: str = "sft", **fields) -> dict:
    ids = list(dict.fromkeys(p["image_id"] for m in messages for p in m["parts"] if p["image_id"]))
    content = content_id(kind, messages, ids)
    row = {
        "drop": "sample",
        "delivery": "sample-0123456789ab",
        "example_id": example_id("sample", f"row-{number}", content, 0),
        "content_id": content,
        "source_id": f"row-{number}",
        "kind": kind,
        "dataset": "one" if number % 2 else "two",
        "messages": messages,
        "image_ids": ids,
        "metadata": json.dumps({"alt": "a red circle"}) if number % 3 else None,
        "repairs": [],
        "provenance": {"file": "rows.jsonl", "row": number},
    }
    return row | fields


@cache
def sample_examples() -> pa.Table:
    """About thirty examples of schemas.EXAMPLES."""
    images = [image_id(f"image {n}".encode()) for n in range(10)]
    rows: list[dict] = []
    colours = ["red", "blue", "green", "grey"]
    for n in range(16):
        turns = []
        for turn in range(n % 4 + 1):
            question = f"What colour is shape {turn}?" if turn % 2 else "Is there a circle?"
            turns.append(_message("user", question, images[n % 10] if turn == 0 else None))
            turns.append(_message("assistant", colours[(n + turn) % 4] if turn % 2 else ("yes", "no")[n % 2]))
        rows.append(_example(len(rows), turns))
    rows.append(_example(len(rows), rows[0]["messages"]))
    other = [rows[1]["messages"][0], _message("assistant", "perhaps not")]
    rows.append(_example(len(rows), other))
    rows.append(_example(len(rows), [_message("user", "2 + 2?"), _message("assistant", "4")]))
    rows.append(_example(len(rows), [_message("user", None, images[0]), _message("assistant", "")]))
    rows.append(
        _example(len(rows), [_message("user", "Ünïcode “query”\u200b?", images[1]), _message("assistant", "日本")])
    )
    two = _message("user", "Which is larger?", images[2])
    two["parts"].insert(0, {"type": "image", "text": None, "image_id": images[3]})
    rows.append(_example(len(rows), [two, _message("assistant", "the first one")]))
    for n in range(4):
        sides = [_message("chosen", colours[n % 2]), _message("rejected", colours[(n + 1) % 2])]
        pair = [_message("user", "What colour is it?", images[n // 2]), *sides]
        rows.append(_example(len(rows), pair, kind="preference", metadata=None))
    rows += [_prompt(len(rows) + n, images[n % 5], n) for n in range(8)]
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


def _prompt(number: int, image: str, n: int) -> dict:
    """A prompt of RL; two by two they ask the same."""
    truths = ("2", "several", "red", "(B)", "[1, 2, 3, 4]", "$\\frac{1}{2}$", "3", "")
    asked = _message("user", f"How many are there? (answer: {n})" if n % 4 else "Which? A. red B. blue", image)
    messages = [_message("ground_truth", truths[n]), *(_message("rollout", f"<answer>{k}</answer>") for k in range(4))]
    facts = {"style": ("rule", "choice")[n % 2], "data_source": "sample", "rewards": [0.0, 0.0, 1.0, float(n % 2)]}
    metadata = json.dumps({"prompt_facts": facts, "note": "a red circle"})
    return _example(number, [asked, *messages], kind="prompt", metadata=metadata)


def sample_preferences(examples: pa.Table) -> pa.Table:
    """The judgements of the preference examples, as ingest derives them (schemas.PREFERENCES)."""
    rows: list[dict] = []
    for example in examples.to_pylist():
        if example["kind"] != "preference":
            continue
        query, chosen, rejected = ("".join(p["text"] or "" for p in m["parts"]) for m in example["messages"])
        for label, response, opponent in (("chosen", chosen, rejected), ("rejected", rejected, chosen)):
            rows.append(
                {
                    "delivery": example["delivery"],
                    "judgement_id": digest(example["example_id"], label),
                    "example_id": example["example_id"],
                    "dataset": example["dataset"],
                    "image_ids": example["image_ids"],
                    "query": query,
                    "response": response,
                    "label": label,
                    "rating": None,
                    "rating_scale": None,
                    "opponent": opponent,
                    "annotator": None,
                    "image_key": image_key(example["image_ids"]),
                    "query_key": query_key(query),
                    "response_key": response_key(response),
                    "opponent_key": response_key(opponent),
                }
            )
    return pa.Table.from_pylist(rows, schema=PREFERENCES.schema)


def sample_images(examples: pa.Table) -> pa.Table:
    """The images of the examples as ingest describes them (schemas.IMAGES without bytes); two look alike, of one
    nothing is known."""
    ids = sorted({i for ids in examples["image_ids"].to_pylist() for i in ids})
    plain = picture_facts(np.full((8, 8, 3), 200, np.uint8))
    facts = {"width_px": 640, "height_px": 480, "edge_share": 0.25, "entropy_bits": 6.5, "text_share": 0.1}
    rows = [
        {"image_id": image, "perceptual_hash": f"{max(at, 1):016x}", "colours": plain, **facts}
        if at < 9
        else {"image_id": image}
        for at, image in enumerate(ids)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([field for field in IMAGES.schema if field.name != "bytes"]))


def sample_inputs(examples: pa.Table) -> RowInputs:
    """The examples with vectors drawn by seed; one image is left without a vector."""
    images = sorted({i for ids in examples["image_ids"].to_pylist() for i in ids})
    wanted = {t for a in all_audits().values() if a.texts for t in a.texts(examples)}
    boxes = sample_boxes(examples)
    wanted |= {p.text for a in all_audits().values() if a.box_phrases for p in a.box_phrases(boxes)}
    texts = sorted(map(text_id, wanted))
    drawn = np.random.default_rng(7)
    return RowInputs(
        examples=examples,
        images=_vectors(images[1:], drawn),
        texts=_vectors(texts, drawn),
        bank_images=_vectors([image_id(f"bank {n}".encode()) for n in range(32)], drawn),
        bank_texts=_vectors([text_id(f"bank {n}") for n in range(32)], drawn),
        pictures=PictureTable.of(sample_images(examples)),
        boxes=boxes,
    )


def sample_boxes(examples: pa.Table) -> pa.Table:
    """Boxes of the examples with an image (schemas.BOXES): sound ones, and of every fault and shape."""
    corners = [(1, 2, 3, 4), (1, 2, 3, 4), (9, 2, 3, 4), (600, 400, 700, 500), (5, 5, 5, 9), (7, 8, 7, 8), (None,) * 4]
    rows: list[dict] = []
    for example in examples.to_pylist():
        for number, box in enumerate(corners if example["image_ids"] else ()):
            row = dict.fromkeys(BOXES.schema.names) | dict(zip(("left", "top", "right", "bottom"), box, strict=True))
            row |= {"delivery": example["delivery"], "example_id": example["example_id"], "ordinal": number}
            row |= {"message": number % 2, "start": 0, "end": 1, "image": 0, "image_id": example["image_ids"][0]}
            row |= {"shape": "point" if number == 5 else "box", "phrase": "red circle", "notation": "json"}
            row |= {"convention": "unknown" if box[0] is None else "pixels", "file_convention": "pixels"}
            rows.append(row | {"image_width_px": 640, "image_height_px": 480, "looks": ("unit", None)[number % 2]})
    return pa.Table.from_pylist(rows, schema=BOXES.schema)


def sample_embeddings(examples: pa.Table) -> pa.Table:
    """The vectors of `sample_inputs` as the lake stores them."""
    return stored_vectors(sample_inputs(examples))


def stored_vectors(inputs: RowInputs) -> pa.Table:
    """The vectors of images and texts as the lake stores them (measure_schemas.EMBEDDINGS)."""
    rows = [
        {"encoder": "sample", "modality": modality, "content_id": key.decode(), "vector": vector.tobytes()}
        for modality, held in (("image", inputs.images), ("text", inputs.texts))
        for key, vector in zip(held.ids, held.matrix, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=EMBEDDINGS.schema)


def _vectors(ids: list[str], drawn: np.random.Generator) -> Vectors:
    matrix = drawn.normal(size=(len(ids), DIM))
    return Vectors.of(ids, matrix / np.linalg.norm(matrix, axis=1, keepdims=True))
