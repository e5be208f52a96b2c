"""The answers of SFT examples, one row each, with the canonical keys that the audits join and group by."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.canonical import image_key, query_key, response_key
from ops.core.identity import digest
from ops.core.stored import StoredMessage
from ops.core.turns import ROLLOUT, message_text
from ops.text.closed_answers import answer_to

_READ = ("delivery", "example_id", "source_id", "dataset", "kind", "messages", "image_ids", "repairs")
_TURNS = pa.schema(
    [
        ("delivery", pa.string()),
        ("example_id", pa.string()),
        ("turn", pa.int32()),  # counts the example's answers from 0
        ("dataset", pa.string()),
        ("voter", pa.string()),  # equal in copies of one row, whatever drop they came in
        ("image_key", pa.string()),
        ("query_key", pa.string()),
        ("response_key", pa.string()),
        ("query", pa.string()),
        ("response", pa.string()),
        ("answer_kind", pa.string()),  # null where the answer is not closed, or not in English
        ("answer", pa.string()),
    ]
)
_DIALOGUES = pa.schema(
    [
        ("delivery", pa.string()),
        ("example_id", pa.string()),
        ("dataset", pa.string()),
        ("kind", pa.string()),
        ("repairs", pa.int32()),
        ("dialogue_key", pa.string()),
    ]
)
_PROMPTS = ("system", "user", "tool")


def sft_turns(examples: DataFrame) -> DataFrame:
    """Each assistant message of the SFT examples with the user message before it (schema `_TURNS`)."""
    return examples.where(F.col("kind") == "sft").select(*_READ).mapInArrow(_turns, from_arrow_schema(_TURNS))


def dialogues(examples: DataFrame) -> DataFrame:
    """Each example with one key of all its images and messages (schema `_DIALOGUES`)."""
    return examples.select(*_READ).mapInArrow(_dialogues, from_arrow_schema(_DIALOGUES))


def dialogue_key(image_ids: list[str] | None, messages: Iterable[StoredMessage]) -> str:
    """Key of everything an example shows and says, after normalisation; but for what models once answered to a prompt,
    which is none of it."""
    role_texts = (
        part
        for message in messages
        if message["role"] != ROLLOUT
        for text in [message_text(message)]
        for part in (message["role"], query_key(text) if message["role"] in _PROMPTS else response_key(text))
    )
    return digest(image_key(image_ids), *role_texts)


def _turns(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [turn for example in batch.to_pylist() for turn in _turns_of(example)]
        yield pa.RecordBatch.from_pylist(rows, schema=_TURNS)


def _turns_of(example: dict[str, Any]) -> Iterator[dict[str, Any]]:
    messages = example["messages"] or []
    shared = {
        "delivery": example["delivery"],
        "example_id": example["example_id"],
        "dataset": example["dataset"],
        "voter": digest(example["source_id"] or "", dialogue_key(example["image_ids"], messages)),
        "image_key": image_key(example["image_ids"]),
    }
    query, turn = "", 0
    for message in messages:
        text = message_text(message)
        if message["role"] == "user":
            query = text
        if message["role"] != "assistant":
            continue
        closed = answer_to(query, text)
        yield shared | {
            "turn": turn,
            "query_key": query_key(query),
            "response_key": response_key(text),
            "query": query,
            "response": text,
            "answer_kind": closed and closed.kind,
            "answer": closed and closed.value,
        }
        turn += 1


def _dialogues(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [
            {
                **{name: example[name] for name in ("delivery", "example_id", "dataset", "kind")},
                "repairs": len(example["repairs"] or ()),
                "dialogue_key": dialogue_key(example["image_ids"], example["messages"] or ()),
            }
            for example in batch.to_pylist()
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=_DIALOGUES)
