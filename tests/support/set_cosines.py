"""Inputs of an audit whose texts have given cosines with their images."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ops.core.identity import image_id, text_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.bank import choose_bank
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import scored_texts

DIM = 64


def inputs_of(
    questions: Sequence[str], answers: Sequence[str], cosines: np.ndarray, *, datasets: str | Sequence[str] = "one"
) -> RowInputs:
    """One example a question, each with an image of its own, whose text has that cosine with it."""
    drawn = np.random.default_rng(2)
    images = drawn.normal(size=(len(questions), DIM))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    aside = drawn.normal(size=images.shape)
    aside -= (aside * images).sum(1, keepdims=True) * images
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    texts = cosines[:, None] * images + np.sqrt(1 - cosines[:, None] ** 2) * aside
    ids = [image_id(f"{n}".encode()) for n in range(len(questions))]
    named = [datasets] * len(questions) if isinstance(datasets, str) else datasets
    rows = []
    for n, (question, answer, dataset) in enumerate(zip(questions, answers, named, strict=True)):
        picture = {"type": "image", "text": None, "image_id": ids[n]}
        asked = {"role": "user", "parts": [picture, {"type": "text", "text": question, "image_id": None}]}
        message = {"role": "assistant", "parts": [{"type": "text", "text": answer, "image_id": None}]}
        row = {"delivery": "d", "example_id": f"{n:04}", "messages": [asked, message], "image_ids": [ids[n]]}
        rows.append(row | {"dataset": dataset, "kind": "sft"})
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    vectors = Vectors.of([text_id(text) for text in scored_texts(examples)], texts)
    image_vectors = Vectors.of(ids, images)
    return RowInputs(examples, image_vectors, vectors, choose_bank(image_vectors, 128), choose_bank(vectors, 128))
