"""A row that becomes a canary: its copy, what is drawn for it, and its texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ops.core.identity import digest

#: A canary's id begins so, which no id of a delivery does: those are hashes.
MARK = "canary-"

Row = dict[str, Any]
Drawn = TypeVar("Drawn")


@dataclass(frozen=True, slots=True)
class Canary:
    """A damaged row, its judgements (schemas.PREFERENCES), what is known of it as a prompt (schemas.PROMPTS), and the
    facts of the picture that it alone shows (schemas.IMAGES without its bytes)."""

    row: Row
    judgements: Sequence[Row] = ()
    prompt: Row | None = None
    picture: Row | None = None


def marked(row: Row, fault: str) -> Row:
    """A copy of the row under the canary's name."""
    name = f"{MARK}{fault}-{row['example_id']}"
    return {**row, "example_id": name, "source_id": name}


def showing(row: Row, image: str, name: str) -> Row:
    """A copy of a row with one image, which shows this one instead."""
    messages = [
        {**message, "parts": [{**part, "image_id": image} if part["image_id"] else part for part in message["parts"]]}
        for message in row["messages"]
    ]
    return marked(row, name) | {"messages": messages, "image_ids": [image]}


def drawn(row: Row, purpose: str, choices: Sequence[Drawn]) -> Drawn:
    """One of the choices, the same for a row whenever it is drawn."""
    return choices[int(digest(f"{purpose} {row['example_id']}", size=4), 16) % len(choices)]


def last_answer(row: Row) -> str | None:
    """The text that ends the row, where an assistant's does."""
    messages: list[Row] = row["messages"] or []
    return text_of(messages[-1]) if messages and messages[-1]["role"] == "assistant" else None


def text_of(message: Row) -> str | None:
    """The text that ends the message, where one does."""
    return (message["parts"][-1]["text"] or None) if message["parts"] else None


def saying(message: Row, text: str) -> Row:
    """The message with that text at its end."""
    *parts, last = message["parts"]
    return {**message, "parts": [*parts, {**last, "text": text}]}


def answering(row: Row, change: Callable[[str], str]) -> list[Row]:
    """The messages, with the text that ends the row changed."""
    *before, last = row["messages"]
    return [*before, saying(last, change(last["parts"][-1]["text"]))]


def answered(row: Row) -> Iterator[tuple[int, str, str]]:
    """The answers of the row that end in a text: the message's place, the text before it where that is a user's (else
    empty), and the answer."""
    messages: list[Row] = row["messages"] or []
    for place, message in enumerate(messages):
        answer = text_of(message) if message["role"] == "assistant" else None
        if answer:
            asks = place > 0 and messages[place - 1]["role"] == "user"
            yield place, (text_of(messages[place - 1]) or "") if asks else "", answer
