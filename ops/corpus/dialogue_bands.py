"""What near duplicates are looked for by: an SFT example's text in bands, and its first image."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from ops.core.arrow import rows_of
from ops.core.canonical import canonical_query, canonical_response, response_key
from ops.core.identity import digest
from ops.core.json_values import Cell
from ops.core.key_schemas import DIALOGUE_BANDS, made_schema
from ops.core.stored import StoredExample, StoredMessage
from ops.core.turns import message_text
from ops.text.likeness import SHORT_WORDS
from ops.text.shingles import band_numbers, number_of, shingles
from ops.text.turn_rows import PROMPT_ROLES, dialogue_key


def dialogue_bands(examples: pa.RecordBatch, *, words: int) -> pa.RecordBatch:
    """The rows of DIALOGUE_BANDS (but for `rules`) of the SFT examples that say anything. All of a row but its name and
    its repairs follows from the dialogue key, so that exact copies have the same bands."""
    rows = [row for example in rows_of(examples, StoredExample) if (row := _row(example, words)) is not None]
    return pa.RecordBatch.from_pylist(rows, schema=made_schema(DIALOGUE_BANDS))


def text_shingles(messages: Iterable[StoredMessage], words: int) -> np.ndarray:
    """The shingles of all that is said, after normalisation."""
    return shingles("\n".join(text for _, text in _canonical_texts(messages)), words)


def _canonical_texts(messages: Iterable[StoredMessage]) -> list[tuple[str, str]]:
    """Roles and texts as far as the dialogue key knows them."""
    return [
        (role, (canonical_query if role in PROMPT_ROLES else canonical_response)(message_text(message)))
        for message in messages
        for role in [message["role"]]
    ]


def _row(example: StoredExample, words: int) -> dict[str, Cell] | None:
    messages, images = example["messages"] or [], example["image_ids"] or []
    texts = _canonical_texts(messages) if example["kind"] == "sft" else []
    numbers = band_numbers(shingles("\n".join(text for _, text in texts), words))
    if not len(numbers):
        return None
    short = [response_key(text) for role, text in texts if role == "assistant" and len(text.split()) <= SHORT_WORDS]
    alike = number_of(digest(str(len(images)), *short))
    return {
        "delivery": example["delivery"],
        "example_id": example["example_id"],
        "repairs": len(example["repairs"] or ()),
        "dialogue_key": dialogue_key(images, messages),
        "first_image": images[0] if images else "",
        "bands": (numbers ^ alike).tolist(),
    }
