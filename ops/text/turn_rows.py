"""What examples say as rows, with the canonical keys that audits of the corpus join and group by: a row an answer of
SFT (schemas.TURNS), and a row an example (schemas.DIALOGUES). Workers make them where a delivery is read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ops.core.canonical import RULES, canonical_query, image_key, query_key, response_key
from ops.core.identity import digest
from ops.core.schemas import DIALOGUES, TURNS, TableSpec
from ops.core.stored import StoredMessage
from ops.core.turns import ROLLOUT, message_text
from ops.text.closed_answers import answer_to

READ = ("delivery", "example_id", "source_id", "dataset", "kind", "messages", "image_ids", "repairs")
"""What of an example is read."""
REVISION = 2
"""Raised when these rows, or the reading of closed answers, change, so that they are made anew."""
TURN_RULES = f"{RULES}.{REVISION}"
"""The partition `rules` of the rows as they are made now."""
TURN_TABLES: tuple[TableSpec, ...] = (TURNS, DIALOGUES)

_PROMPTS = ("system", "user", "tool")


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
        for part in (message["role"], query_key(text) if message["role"] in _PROMPTS else response_key(text))
    )
    return digest(image_key(image_ids), *role_texts, *_places(messages))


def _places(messages: Sequence[StoredMessage]) -> list[str]:
    """Where each picture stands among the texts: its message, and what that says before it. None where all stand in one
    place: whether a question comes before its pictures or behind them says nothing."""
    places: list[str] = []
    for number, message in enumerate(messages):
        before = ""
        for part in message["parts"] or ():
            if part["image_id"] is None:
                before += part["text"] or ""
            else:
                places.append(f"{number} {canonical_query(before)}")
    return places if len(set(places)) > 1 else []


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
    query, turn = "", 0
    for message in example["messages"] or ():
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
