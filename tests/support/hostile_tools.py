"""500 conversations with tools that answer, or are called, in orders of every kind: `write_tooled` and `write_called`
write `rows.jsonl` (messages with `<image>` in their texts, `images` as paths, `channel` as the row's number) and the
pictures."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.hostile_rows import ROWS, Maker, turn

_ORDERS = {
    "uatau": 1,
    "uata": 8,
    "uatata": 6,
    "utau": 1,
    "uta": 3,
    "utta": 2,
    "uatta": 4,
    "ta": 1,
    "ata": 2,
    "uau": 1,
    "uatu": 2,
    "uatua": 2,
    "utua": 2,
    "suata": 4,
}
"""Speakers in order, and how often each order is drawn."""
_ROLES = {"u": "user", "a": "assistant", "s": "system"}


ANSWERS = ("tool", "tool_response", "observation", "function_response")
"""What ms-swift calls a tool that answers."""
_CALLED = {
    "ucta": 8,
    "uacta": 4,
    "ucctta": 4,
    "uctcta": 3,
    "uc": 2,
    "uac": 2,
    "cta": 1,
    "uctuca": 2,
    "ucua": 2,
    "succta": 3,
}
"""The same with calls of tools (`c`)."""
_CALLS = {
    '{"name": "zoom", "arguments": {"at": [1, 2.5], "é": "東京 🦜"}}': 8,
    '{"name":"zoom","parameters":{"at":null}}': 2,
    '{"name": "zoom", "arguments": "{\\"at\\": 1}"}': 3,
    "{'name': 'zoom', 'arguments': {'deep': (1, 2)}}": 2,
    '{"name": "see", "arguments": {"what": "<image>"}}': 1,
    '{"name": "zoom", "arguments": []}': 1,
    '{"name": "zoom"}': 1,
    '{"arguments": {}}': 1,
    '{"name": "zoom", "arguments": "near"}': 1,
    "zoom(1)": 1,
    "[1]": 1,
    "": 1,
}
"""What a call says, and how often; of the last ones nothing can be made."""
_NEAR = '{"name": "zoom", "description": "Look near: é 東京 🦜", "parameters": {"at": {"type": "array"}}}'
_LISTS = {
    f"[{_NEAR}]": 6,
    f'[{_NEAR}, {{"type": "function", "function": {_NEAR}}}]': 4,
    f'[{{"function": {_NEAR}}}]': 1,
    '[{"type": "web", "name": "see"}]': 1,
    f"[{', '.join([_NEAR] * 12)}]": 2,
    json.dumps([_NEAR]): 1,
    _NEAR: 2,
    "[]": 2,
    "{}": 1,
    "": 3,
    "zoom(1)": 1,
    "[1]": 1,
    '"zoom"': 1,
    "null": 1,
}
"""What a row says of the tools there are, and how often."""


def write_tooled(folder: Path, tool: str, *, seed: int = 17) -> Path:
    """The file; `tool` is the role of what a tool says."""
    maker = Maker(folder, seed)
    return _write(maker, folder, _ORDERS, lambda letter: turn(_ROLES.get(letter, tool), _text(maker)))


def write_listed(folder: Path, tool: str, *, seed: int = 37) -> Path:
    """The file of conversations in which tools speak, most of which list the tools there are; `tool` as above."""
    file = write_tooled(folder, tool, seed=seed)
    maker = Maker(folder, seed)
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for row in rows:
        (row["tools"],) = maker.draw.choices([*_LISTS], [*_LISTS.values()])
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", "utf-8")
    return file


def write_called(
    folder: Path,
    calls: Sequence[str] = ("tool_call", "function_call"),
    answers: Sequence[str] = ANSWERS,
    *,
    seed: int = 31,
) -> Path:
    """The file of conversations in which tools are called, in messages of their own: `calls` and `answers` are the
    roles of these, and of what the tools say."""
    maker = Maker(folder, seed)

    def message(letter: str) -> dict[str, Any]:
        if letter == "c":
            (call,) = maker.draw.choices([*_CALLS], [*_CALLS.values()])
            return turn(maker.draw.choice(calls), call)
        return turn(_ROLES.get(letter, maker.draw.choice(answers)), _text(maker))

    return _write(maker, folder, _CALLED, message)


def _write(maker: Maker, folder: Path, orders: dict[str, int], make: Callable[[str], dict[str, Any]]) -> Path:
    lines: list[str] = []
    for number in range(ROWS):
        (order,) = maker.draw.choices([*orders], [*orders.values()])
        messages = [make(letter) for letter in order]
        images = [maker.small() for _ in range(maker.draw.choice([0, 1, 1, 2]))]
        for _ in images:
            at = maker.draw.choice([at for at, message in enumerate(messages) if "call" not in message["role"]] or [0])
            if maker.draw.random() < 0.9:
                messages[at]["content"] += maker.draw.choice(["<image>", " <image> here"])
        lines.append(json.dumps({"channel": str(number), "messages": messages, "images": images}, ensure_ascii=False))
    file = folder / "rows.jsonl"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def _text(maker: Maker) -> str:
    kind = maker.draw.random()
    if kind < 0.06:
        return maker.draw.choice(["", " ", "\n", "<tool_response>", "{}", "naïve 東京 🦜🏽"])
    return maker.words(maker.draw.randrange(60, 300) if kind < 0.15 else maker.draw.randrange(1, 15))
