"""Phrases that are there to be seen, counted by hand-made vectors: one axis a thing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.grounding.grounded_phrases import grounded_phrases
from ops.grounding.scores import scored_texts

THINGS = ("dog", "pier", "ball", "cat")
DESCRIPTION = (
    "A brown dog runs along the beach towards the old pier. There is a red ball in the sand. "
    "Children love the brown dog. The white cat is nowhere near."
)


def axis(text: str) -> np.ndarray:
    """The unit vector of the things that a text names."""
    named = np.array([*(thing in text.lower() for thing in THINGS), 0.1])
    return named / np.linalg.norm(named)


def example(number: int, answer: str, images: list[str]) -> dict[str, Any]:
    turns = [("user", "What is here?"), ("assistant", answer)]
    messages = [{"role": r, "parts": [{"type": "text", "text": t, "image_id": None}]} for r, t in turns]
    return {"delivery": "d", "example_id": str(number), "messages": messages, "image_ids": images}


def test_only_what_the_picture_shows_counts_and_once() -> None:
    rows = [
        example(0, DESCRIPTION, ["beach"]),
        example(1, DESCRIPTION, []),
        example(2, DESCRIPTION, ["unknown"]),
        example(3, DESCRIPTION, ["cats"]),
    ]
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    texts = sorted(set(scored_texts(examples)))
    bank = ["dog", "pier", "ball", "cat"]
    inputs = RowInputs(
        examples=examples,
        images=Vectors.of(["beach", "cats"], np.stack([axis("dog pier ball"), axis("cat")])),
        texts=Vectors.of([text_id(text) for text in texts], np.stack([axis(text) for text in texts])),
        bank_images=Vectors.of(bank, np.stack([axis(thing) for thing in bank])),
        bank_texts=Vectors.of([], np.zeros((0, 5))),
    )
    dog, text, unknown, cats = grounded_phrases(inputs).tolist()
    assert dog == 3, "the dog once, the pier and the ball; the cat is not there"
    assert np.isnan([text, unknown]).all()
    assert cats == 1
    assert np.isnan(grounded_phrases(replace(inputs, bank_images=Vectors.of([], np.zeros((0, 5)))))).all()
