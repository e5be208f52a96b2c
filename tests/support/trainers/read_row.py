"""What the scripts of this folder say of a row that was read."""

import json
from typing import Any

from loaded_rows import IGNORED

IMAGE_PAD = 151655
MERGED = 4
"""Patches that become one token."""


def count(ids: list[int], labels: list[int] | None, grid: Any) -> dict[str, Any]:
    """The counts of a sequence and of the pictures that go with it."""
    result: dict[str, Any] = {"outcome": "read", "tokens": len(ids), "image_tokens": ids.count(IMAGE_PAD)}
    if labels is not None:
        result["answer_tokens"] = sum(label != IGNORED for label in labels)
    result["features"] = 0 if grid is None else sum(int(one.prod()) // MERGED for one in grid)
    return result


def say(row: int | str, result: dict[str, Any]) -> None:
    """Prints what became of the row."""
    print(json.dumps({"row": int(row), **result}), flush=True)
