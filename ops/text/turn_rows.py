"""What examples say as rows, with the canonical keys that audits of the corpus join and group by: a row an answer of
SFT (schemas.TURNS), and a row an example (schemas.DIALOGUES). Workers make them where a delivery is read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from ops.core.canonical import RULES, image_key, picture_places, query_key, response_key
from ops.core.identity import digest
from ops.core.schemas import DIALOGUES, TURNS, TableSpec
from ops.core.stored import StoredMessage
from ops.core.turns import ROLLOUT, message_text
from ops.text.closed_answers import answer_to

READ = ("delivery", "example_id", "source_id", "dataset", "kind", "messages", "image_ids", "repairs")
"""What of an example is read."""
REVISION = 3
"""Raised when these rows, or the reading of closed answers, change, so that they are made anew."""
TURN_RULES = f"{RULES}.{REVISION}"
"""The partition `rules` of the rows as they are made now."""
TURN_TABLES: tuple[TableSpec, ...] = (TURNS, DIALOGUES)

PROMPT_ROLES = ("system", "user", "tool")
"""Roles whose texts are compared as queries; those of others are as responses."""


def turn_rows(examples: pa.Table | pa.RecordBatch) -> dict[str, pa.Table]:
    """The rows of both tables, by name, of examples with the columns READ."""
    turns: list[dict[str, Any]] = []
    dialogues: list[dict[str, Any]] = []
    for example in examples.select(list(READ)).to_pylist():
        key = dialogue_key(example["image_ids"], example["messages"] or ())
        dialogues.append(_dialogue(example, key))
        if example["kind"] == "sft":
            turns += _turns(example, key)
    return {
        TURNS.name: pa.Table.from_pylist(turns, schema=TURNS.schema),
        DIALOGUES.name: pa.Table.from_pylist(dialogues, schema=DIALOGUES.schema),
    }


def turns_of(delivery: str) -> str:
    """The name under which a delivery's rows are committed."""
    return f"{delivery}/{TURN_RULES}"


def dialogue_key(image_ids: list[str] | None, messages: Iterable[StoredMessage]) -> str:
    """Key of everything an example shows and says, after normalisation; but for what models once answered to a prompt,
    which is none of it."""
    messages = list(messages)
    role_texts = (
        part
        for message in messages
        if message["role"] != ROLLOUT
        for text in [message_text(message)]
        for part in (message["role"], query_key(text) if message["role"] in PROMPT_ROLES else response_key(text))
    )
    return digest(image_key(image_ids), *role_texts, *picture_places(messages))


def _dialogue(example: Mapping[str, Any], key: str) -> dict[str, Any]:
    shared = {name: example[name] for name in ("delivery", "example_id", "dataset", "kind")}
    return {**shared, "rules": TURN_RULES, "repairs": len(example["repairs"] or ()), "dialogue_key": key}


def _turns(example: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    shared = {
        "delivery": example["delivery"],
        "rules": TURN_RULES,
        "example_id": example["example_id"],
        "dataset": example["dataset"],
        "voter": digest(example["source_id"] or "", key),
        "image_key": image_key(example["image_ids"]),
    }
    query, turn, asked = "", 0, query_key("")
    messages = example["messages"] or ()
    for number, message in enumerate(messages):
        text = message_text(message)
        if message["role"] == "user":
            query, asked = text, query_key(text, picture_places(messages, number))
        if message["role"] != "assistant":
            continue
        closed = answer_to(query, text)
        yield shared | {
            "turn": turn,
            "query_key": asked,
            "response_key": response_key(text),
            "query": query,
            "response": text,
            "answer_kind": closed and closed.kind,
            "answer": closed and closed.value,
        }
        turn += 1
