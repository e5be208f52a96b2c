"""The conversation of a row whatever its trainer calls it: what the formats share that read a judgement beside it.

`messages` (OpenAI, TRL, ms-swift, LLaMA-Factory) or `conversations` (LLaVA, ShareGPT); alpaca's `instruction`, `input`
and `output`; `query`, `prompt` or `question` and `response`, `completion` or `answer`; perhaps a `system` prompt and a
`history` of pairs of question and answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.formats import fields
from ops.formats.messages import beside_names, with_system
from ops.intake.row import ImageRef, RowError

LISTS = ("messages", "conversations", "conversation")
PROMPTS = ("prompt", "question", "query")
ANSWERS = ("completion", "response", "answer")
PICTURES = ("images", "image")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The messages of a row as it has them, and the names of the fields that were read for them."""

    items: list[Any]
    used: tuple[str, ...]


def listed(record: Mapping[str, Any]) -> str | None:
    """The field that holds the row's messages as a list."""
    return next((name for name in LISTS if isinstance(record.get(name), list) and record[name]), None)


def is_alpaca(record: Mapping[str, Any]) -> bool:
    """Whether the row asks as alpaca does."""
    return isinstance(record.get("instruction"), str)


def asked(record: Mapping[str, Any]) -> str | None:
    """The field that holds the prompt."""
    return _first(record, PROMPTS)


def answered(record: Mapping[str, Any]) -> str | None:
    """The field that holds the answer."""
    return _first(record, ANSWERS)


def has_dialogue(record: Mapping[str, Any]) -> bool:
    """Whether the row holds a conversation that ends in an answer, as far as its fields tell."""
    if listed(record) or (is_alpaca(record) and isinstance(record.get("output"), str)):
        return True
    return asked(record) is not None and answered(record) is not None


def dialogue(record: Mapping[str, Any]) -> Dialogue:
    """The conversation, with its answer where the row has one beside its prompt."""
    name = listed(record)
    if name:
        read_dialogue = Dialogue(rounds_as_turns(fields.list_field(record, name)), (name,))
    elif is_alpaca(record):
        read_dialogue = _alpaca(record)
    else:
        read_dialogue = _prompted(record)
    read = ["id", *PICTURES, *read_dialogue.used, *beside_names(record)]
    return Dialogue(with_system(read_dialogue.items, record.get("system")), tuple(read))


def rounds_as_turns(items: list[Any]) -> list[Any]:
    """The turns of a conversation, also where it is written in rounds of `human` (or `user`) and `assistant`."""
    turns: list[Any] = []
    for item in items:
        asking = next((key for key in ("human", "user") if isinstance(item, Mapping) and key in item), None)
        if asking is None or "assistant" not in item or "role" in item or "from" in item:
            turns.append(item)
            continue
        turns += [{"from": "human", "value": item[asking]}, {"from": "gpt", "value": item["assistant"]}]
    return turns


def images(record: Mapping[str, Any]) -> tuple[ImageRef, ...]:
    """The row's images."""
    return fields.images(record.get("images")) or fields.images(record.get("image"))


def _alpaca(record: Mapping[str, Any]) -> Dialogue:
    texts = [record[name] for name in ("instruction", "input") if record.get(name)]
    if not all(isinstance(text, str) for text in texts):
        raise RowError("field_type", "instruction and input must be text")
    items = [*_history(record), {"role": "user", "content": "\n".join(texts)}]
    if fields.present(record.get("output")):
        items.append({"role": "assistant", "content": fields.text_field(record, "output")})
    return Dialogue(items, ("instruction", "input", "output", "history"))


def _prompted(record: Mapping[str, Any]) -> Dialogue:
    prompt, answer = asked(record), answered(record)
    if prompt is None:
        raise RowError("field_missing", PROMPTS[0])
    items = [*_history(record), *as_messages(record, prompt, "user")]
    if answer is not None:
        items += as_messages(record, answer, "assistant")
    return Dialogue(items, (prompt, "history", *([answer] if answer else [])))


def as_messages(record: Mapping[str, Any], name: str, who: str) -> list[Any]:
    """A field that holds a text, a message or a list of messages, as messages."""
    value = record.get(name)
    if isinstance(value, str):
        return [{"role": who, "content": value}]
    return [value] if isinstance(value, Mapping) else fields.list_field(record, name)


def _history(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = record.get("history")
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise RowError("json_invalid", "the JSON in history") from None
    items: list[dict[str, Any]] = []
    for pair in value or []:
        if not _is_pair(pair):
            raise RowError("field_type", f"history holds {str(pair)[:60]}, not a question and its answer")
        items += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return items


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, Sequence) and not isinstance(pair, str) and [type(text) for text in pair] == [str, str]


def _first(record: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if fields.present(record.get(name))), None)
