"""Prompts of RL as ingest would put them into the lake."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ops.core.canonical import image_key, query_key
from ops.core.identity import content_id, example_id
from ops.core.schemas import EXAMPLES, PROMPTS
from ops.prompts.asked import read_prompts
from tests.support.corpora import message


def prompt(
    question: str,
    truth: str | None,
    *,
    source_id: str = "",
    rollouts: Sequence[tuple[str | None, float | None]] = (),
    image: str | None = "picture",
    style: str | None = "rule",
    data_source: str | None = "zoo",
    drop: str = "one",
    **metadata: Any,
) -> dict[str, Any]:
    """A row of `examples`."""
    messages = [message("user", question, image)]
    messages += [message("ground_truth", truth)] if truth is not None else []
    messages += [message("rollout", text) for text, _ in rollouts if text is not None]
    facts: dict[str, Any] = {"style": style, "data_source": data_source, "rewards": [reward for _, reward in rollouts]}
    images = [image] if image else []
    content = content_id("prompt", messages, images)
    return {
        "drop": drop,
        "delivery": f"{drop}-0",
        "example_id": example_id(drop, source_id, content, 0),
        "content_id": content,
        "source_id": source_id,
        "kind": "prompt",
        "dataset": "prompts",
        "messages": messages,
        "image_ids": images,
        "metadata": json.dumps({**metadata, "prompt_facts": facts}),
        "repairs": [],
        "provenance": {"file": "rows.jsonl", "row": 0},
    }


def examples_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The rows as a table of `examples`."""
    return pa.Table.from_pylist(list(rows), schema=EXAMPLES.schema)


def prompts_of(examples: pa.Table) -> pa.Table:
    """The table `prompts` of these examples."""
    rows: list[dict[str, Any]] = []
    for asked in read_prompts(examples):
        example = examples.slice(asked.row, 1).to_pylist()[0]
        row = {name: example[name] for name in ("delivery", "example_id", "dataset", "image_ids")}
        row |= {"query": asked.query, "image_key": image_key(row["image_ids"]), "query_key": query_key(asked.query)}
        row |= {"ground_truth": asked.truth, "is_json": asked.is_json, "style": asked.style, "extra": "{}"}
        row["data_source"] = asked.data_source
        row["rollouts"] = [{"response": one.response, "reward": one.reward} for one in asked.rollouts]
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=PROMPTS.schema)


def by_source(measures: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows of measures by the source id of the rows that were measured."""
    sources = {row["example_id"]: row["source_id"] for row in rows}
    assert len(measures) == len({row["example_id"] for row in measures})
    return {sources[row["example_id"]]: row for row in measures}
