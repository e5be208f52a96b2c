"""500 conversations with tools that answer, in orders of every kind: `write_tooled` writes `rows.jsonl` (messages with
`<image>` in their texts, `images` as paths, `channel` as the row's number) and the pictures."""

import json
from pathlib import Path

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


def write_tooled(folder: Path, tool: str, *, seed: int = 17) -> Path:
    """The file; `tool` is the role of what a tool says."""
    maker = Maker(folder, seed)
    lines: list[str] = []
    for number in range(ROWS):
        (order,) = maker.draw.choices([*_ORDERS], [*_ORDERS.values()])
        roles = [_ROLES.get(letter, tool) for letter in order]
        messages = [turn(role, _text(maker)) for role in roles]
        images = [maker.small() for _ in range(maker.draw.choice([0, 1, 1, 2]))]
        for _ in images:
            at = maker.draw.randrange(len(messages))
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
