"""The conversation of a row whatever its trainer calls it: what the formats share that read a judgement beside it.

`messages` (OpenAI, TRL, ms-swift, LLaMA-Factory) or `conversations` (LLaVA, ShareGPT); alpaca's `instruction`, `input`
and `output`; `query`, `prompt` or `question` and `response`, `completion` or `answer`; perhaps a `system` prompt and a
`history` of pairs of question and answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.core.json_values import Cell, Fields, fields_of, texts_of
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

    items: list[Cell]
    used: tuple[str, ...]


def listed(record: Fields) -> str | None:
    """The field that holds the row's messages as a list."""
    return next((name for name in LISTS if isinstance(record.get(name), list) and record[name]), None)


def is_alpaca(record: Fields) -> bool:
    """Whether the row asks as alpaca does."""
    return isinstance(record.get("instruction"), str)


def asked(record: Fields) -> str | None:
    """The field that holds the prompt."""
    return _first(record, PROMPTS)


def answered(record: Fields) -> str | None:
    """The field that holds the answer."""
    return _first(record, ANSWERS)


def has_dialogue(record: Fields) -> bool:
    """Whether the row holds a conversation that ends in an answer, as far as its fields tell."""
    if listed(record) or (is_alpaca(record) and isinstance(record.get("output"), str)):
        return True
    return asked(record) is not None and answered(record) is not None


def dialogue(record: Fields) -> Dialogue:
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


def rounds_as_turns(items: list[Cell]) -> list[Cell]:
    """The turns of a conversation, also where it is written in rounds of `human` (or `user`) and `assistant`."""
    turns: list[Cell] = []
    for item in items:
        sides = fields_of(item)
        asking = next((key for key in ("human", "user") if key in sides), None)
        if asking is None or "assistant" not in sides or "role" in sides or "from" in sides:
            turns.append(item)
            continue
        turns += [{"from": "human", "value": sides[asking]}, {"from": "gpt", "value": sides["assistant"]}]
    return turns


def images(record: Fields) -> tuple[ImageRef, ...]:
    """The row's images."""
    return fields.images(record.get("images")) or fields.images(record.get("image"))


def _alpaca(record: Fields) -> Dialogue:
    texts = texts_of([record[name] for name in ("instruction", "input") if record.get(name)])
    if texts is None:
        raise RowError("field_type", "instruction and input must be text")
    items: list[Cell] = [*_history(record), {"role": "user", "content": "\n".join(texts)}]
    if fields.present(record.get("output")):
        items.append({"role": "assistant", "content": fields.text_field(record, "output")})
    return Dialogue(items, ("instruction", "input", "output", "history"))


def _prompted(record: Fields) -> Dialogue:
    prompt, answer = asked(record), answered(record)
    if prompt is None:
        raise RowError("field_missing", PROMPTS[0])
    items = [*_history(record), *as_messages(record, prompt, "user")]
    if answer is not None:
        items += as_messages(record, answer, "assistant")
    return Dialogue(items, (prompt, "history", *([answer] if answer else [])))


def as_messages(record: Fields, name: str, who: str) -> list[Cell]:
    """A field that holds a text, a message or a list of messages, as messages."""
    value = record.get(name)
    if isinstance(value, str):
        return [{"role": who, "content": value}]
    return [value] if isinstance(value, Mapping) else fields.list_field(record, name)


def _history(record: Fields) -> list[dict[str, Cell]]:
    value = record.get("history")
    if isinstance(value, str) and value.strip():
        try:
            parsed: Cell = json.loads(value)
        except (ValueError, RecursionError):
            raise RowError("json_invalid", "the JSON in history") from None
        value = parsed
    items: list[dict[str, Cell]] = []
    unlisted: list[Cell] = [value] if value else []
    for item in value if isinstance(value, list | tuple) else unlisted:
        pair = texts_of(item)
        if pair is None or len(pair) != 2:
            raise RowError("field_type", f"history holds {str(item)[:60]}, not a question and its answer")
        items.append({"role": "user", "content": pair[0]})
        items.append({"role": "assistant", "content": pair[1]})
    return items


def _first(record: Fields, names: Sequence[str]) -> str | None:
    return next((name for name in names if fields.present(record.get(name))), None)
