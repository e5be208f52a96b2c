"""Small corpora written as rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ops.core.canonical import image_key, query_key, response_key
from ops.core.identity import content_id, digest, example_id, text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.text.turn_rows import turn_rows
from tests.support.stored_keys import stored_keys


@dataclass(frozen=True, slots=True)
class Judged:
    """A raw preference row: chosen over rejected, or (without `rejected`) a response called good or bad."""

    response: str
    rejected: str | None = None
    label: str | None = None
    image: str = "picture"
    query: str = "What is it?"
    annotator: str | None = None
    source_id: str = ""
    drop: str = "one"
    dataset: str | None = None
    rating: float | None = None
    rating_scale: float | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A raw SFT row: its turns."""

    turns: Sequence[tuple[str, str]]
    image: str | None = "picture"
    source_id: str = ""
    drop: str = "one"
    dataset: str | None = None
    repairs: tuple[str, ...] = ()


def message(role: str, text: str, image: str | None = None) -> dict[str, Any]:
    """A message of one text part, with an image part before it where there is one."""
    pictures = [{"type": "image", "text": None, "image_id": image}] if image else []
    return {"role": role, "parts": [*pictures, {"type": "text", "text": text, "image_id": None}]}


def example(row: Judged | Dialogue, number: int) -> dict[str, Any]:
    """The row as ingest would put it into `examples`."""
    kind = "sft" if isinstance(row, Dialogue) else "preference"
    if isinstance(row, Dialogue):
        turns = [pair for turn in row.turns for pair in zip(("user", "assistant"), turn, strict=True)]
    else:
        answers = (
            [("chosen", row.response), ("rejected", row.rejected)] if row.rejected else [("response", row.response)]
        )
        turns = [("user", row.query), *answers]
    messages = [message(role, text or "", row.image if n == 0 else None) for n, (role, text) in enumerate(turns)]
    images = [row.image] if row.image else []
    source = row.source_id or f"row-{number}"
    content = content_id(kind, messages, images)
    return {
        "drop": row.drop,
        "delivery": f"{row.drop}-0",
        "example_id": example_id(row.drop, source, content, 0),
        "content_id": content,
        "source_id": source,
        "kind": kind,
        "dataset": row.dataset,
        "messages": messages,
        "image_ids": images,
        "metadata": json.dumps(row.metadata) if isinstance(row, Judged) and row.metadata else None,
        "repairs": list(row.repairs) if isinstance(row, Dialogue) else [],
        "provenance": {"file": "rows.jsonl", "row": number},
    }


def judgements(row: Judged, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The row as ingest would put it into `preferences`."""
    candidates = [(row.label, row.response, None)]
    if row.rejected is not None:
        candidates = [("chosen", row.response, row.rejected), ("rejected", row.rejected, row.response)]
    return [
        {
            "delivery": made["delivery"],
            "judgement_id": digest(made["example_id"], str(n)),
            "example_id": made["example_id"],
            "dataset": row.dataset,
            "image_ids": [row.image],
            "query": row.query,
            "response": response,
            "label": label,
            "rating": row.rating,
            "rating_scale": row.rating_scale,
            "opponent": opponent,
            "annotator": row.annotator,
            "image_key": image_key([row.image]),
            "query_key": query_key(row.query),
            "response_key": response_key(response),
            "opponent_key": None if opponent is None else response_key(opponent),
        }
        for n, (label, response, opponent) in enumerate(candidates)
    ]


def tables(rows: Iterable[Judged | Dialogue]) -> dict[str, pa.Table]:
    """`examples`, `turns`, `dialogues` and `preferences` of the rows."""
    made = [(row, example(row, n)) for n, row in enumerate(rows)]
    judged = [j for row, one in made if isinstance(row, Judged) for j in judgements(row, one)]
    examples = pa.Table.from_pylist([one for _, one in made], schema=EXAMPLES.schema)
    return {
        "examples": examples,
        **turn_rows(examples),
        "preferences": pa.Table.from_pylist(judged, schema=PREFERENCES.schema),
    }


def corpus(
    rows: Iterable[Judged | Dialogue],
    images: Mapping[str, tuple[str, bytes]] | None = None,
    vectors: Mapping[str, np.ndarray] | None = None,
) -> dict[str, pa.Table]:
    """`examples`, `turns`, `dialogues`, `preferences`, `images` (given by id: perceptual hash, colours), `embeddings`
    (vectors given by text), `arrivals` and the keys of the rows; drops came in the order in which the rows name
    them."""
    made = tables(rows)
    names = list(dict.fromkeys(made["examples"]["delivery"].to_pylist()))
    made["arrivals"] = pa.table({"delivery": names, "arrival": pa.array(range(len(names)), pa.int32())})
    facts = [{"image_id": i, "perceptual_hash": h, "colours": c} for i, (h, c) in (images or {}).items()]
    schema = pa.schema([field for field in IMAGES.schema if field.name != "bytes"])
    made["images"] = pa.Table.from_pylist(facts, schema=schema)
    candidates = [
        {"encoder": "e", "modality": "text", "content_id": text_id(text), "vector": unit(vector).tobytes()}
        for text, vector in (vectors or {}).items()
    ]
    made["embeddings"] = pa.Table.from_pylist(candidates, schema=EMBEDDINGS.schema)
    made["prompts"] = PROMPTS.schema.empty_table()
    return made | stored_keys(made)


def frames(
    spark: SparkSession,
    rows: Iterable[Judged | Dialogue],
    images: Mapping[str, tuple[str, bytes]] | None = None,
    vectors: Mapping[str, np.ndarray] | None = None,
) -> dict[str, DataFrame]:
    """`corpus` as an audit gets it."""
    return {name: spark.createDataFrame(table) for name, table in corpus(rows, images, vectors).items()}


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector as the lake stores it: of length 1, in half precision."""
    return (vector / np.linalg.norm(vector)).astype("<f2")


def by_source(measures: DataFrame, examples: DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Measures, by the source id of the example they are about."""
    named = measures.join(examples.select("delivery", "example_id", "source_id"), ["delivery", "example_id"])
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in named.collect():
        rows.setdefault(row["source_id"], []).append(row.asDict())
    return rows
