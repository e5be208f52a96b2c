"""The hostile rows as preferences: their last message is the chosen answer, and a rejected one, as awkward, stands
beside it. `write_pairs` writes `rows.jsonl` in a trainer's own columns."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.hostile_rows import Maker, write_rows

_REJECTED: list[tuple[int, Callable[[Maker, Any], Any]]] = [
    (60, lambda m, chosen: m.words(m.draw.randrange(1, 12))),
    (12, lambda m, chosen: m.words(m.draw.randrange(100, 700))),
    (8, lambda m, chosen: chosen),
    (5, lambda m, chosen: None),
    (5, lambda m, chosen: m.draw.choice(["", " ", "\n"])),
    (4, lambda m, chosen: f"{m.words(2)} <image> {m.words(2)}"),
    (3, lambda m, chosen: f"{m.words(2)} {m.draw.choice(['<|image_pad|>', '<|im_end|>', '<video>'])}"),
    (3, lambda m, chosen: "naïve 東京 🦜🏽‍♂️ ﷺ"),
]


def _swift_pair(messages: list[Any], rejected: Any) -> dict[str, Any]:
    return {"messages": messages, "rejected_response": rejected}


def _factory_pair(messages: list[Any], rejected: Any) -> dict[str, Any]:
    answer = {"role": "assistant", "content": rejected}
    return {"messages": messages[:-1], "chosen": messages[-1] if messages else None, "rejected": answer}


def _trl_pair(messages: list[Any], rejected: Any) -> dict[str, Any]:
    answer = [{"role": "assistant", "content": rejected}]
    return {"prompt": messages[:-1], "chosen": messages[-1:], "rejected": answer}


def _problem(messages: list[Any]) -> str | None:
    texts = [message["content"] for message in messages]
    return None if None in texts else "\n".join(texts)


LAYOUTS = {"ms-swift": _swift_pair, "llamafactory": _factory_pair, "trl": _trl_pair}
ASKED: dict[str, Callable[[list[Any]], dict[str, Any]]] = {
    "verl": lambda messages: {"prompt": messages},
    "trl-grpo": lambda messages: {"prompt": messages},
    "ms-swift-grpo": lambda messages: {"messages": messages, "solution": "1"},
    "easyr1": lambda messages: {"problem": _problem(messages)},
}
LABELS = {"ms-swift": "label", "llamafactory": "kto_tag"}


def write_pairs(folder: Path, trainer: str, *, seed: int = 11) -> Path:
    """The file of pairs, in the trainer's columns."""
    rows = write_rows(folder)
    maker = Maker(folder, seed)
    weights = [weight for weight, _ in _REJECTED]
    written: list[dict[str, Any]] = []
    for row in rows:
        messages = row["messages"]
        (make,) = maker.draw.choices([make for _, make in _REJECTED], weights)
        chosen = messages[-1]["content"] if messages else ""
        rejected = make(maker, chosen)
        if messages and chosen and rejected and maker.draw.random() < 0.3:
            messages = [*messages[:-1], {**messages[-1], "content": rejected}]
            rejected = chosen
        written.append({**LAYOUTS[trainer](messages, rejected), "images": row["images"]})
    return _write(folder, written)


def write_judged(folder: Path, trainer: str, *, seed: int = 13) -> Path:
    """The file of judged answers (KTO), in the trainer's columns."""
    draw = random.Random(seed)  # noqa: S311
    rows = [
        {"messages": row["messages"], LABELS[trainer]: draw.random() < 0.5, "images": row["images"]}
        for row in write_rows(folder)
    ]
    return _write(folder, rows)


def write_asked(folder: Path, trainer: str) -> Path:
    """The file of prompts of RL, in the trainer's columns: the hostile conversations whole, whoever speaks last."""
    rows = [{**ASKED[trainer](row["messages"]), "images": row["images"]} for row in write_rows(folder)]
    file = _write(folder, rows)
    return file.rename(folder / "rows.json") if trainer == "verl" else file


def _write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    lines = [json.dumps({"channel": str(at), **row}, ensure_ascii=False) for at, row in enumerate(rows)]
    file = folder / "rows.jsonl"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file
