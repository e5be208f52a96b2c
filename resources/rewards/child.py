"""The process in which a user's reward function runs: `python -m resources.rewards.child FILE FUNCTION STYLE NETWORK`.

It reads requests from standard input, a JSON line each, and writes their rewards to the file descriptor that standard
output had; what the function itself prints goes to standard error. Without leave it has no network: it leaves the one
that it has for an empty network namespace, or ends with `NO_NAMESPACE` where it cannot. Nothing but the standard
library is imported before the function's own file (and Pillow, where it is shown pictures).
"""

import asyncio
import ctypes
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

NO_NAMESPACE = 71
"""Exit status where the network could not be left."""
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000


def leave_network() -> bool:
    """Whether this process, and what it starts, is now in a network namespace with nothing in it."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(_NEW_NET) == 0 or libc.unshare(_NEW_USER | _NEW_NET) == 0


def load(path: Path, name: str) -> Callable[..., object]:
    """The function of that name in a file; its folder can be imported from."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    function = getattr(module, name)
    if not callable(function):
        raise TypeError(f"{name} is no function")
    return function


@lru_cache(maxsize=64)
def picture(path: str) -> object:
    """The picture in a file, as RGB."""
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB")


def trl(function: Callable[..., Any], rows: list[dict[str, Any]], *, plain: bool = False) -> list[Any]:
    """As TRL's GRPO calls a reward: lists of prompts and completions (messages, or texts where `plain`), and a list
    for each column of the data."""
    prompts = [row["question"] if plain else row["prompt"] for row in rows]
    completions = [
        row["completion"] if plain else [{"role": "assistant", "content": row["completion"]}] for row in rows
    ]
    truths = [row["ground_truth"] for row in rows]
    images = [[picture(path) for path in row["images"]] for row in rows]
    columns = {
        "ground_truth": truths,
        "solution": truths,
        "answer": truths,
        "images": images,
        "image": [shown[0] if shown else None for shown in images],
        "data_source": [row["data_source"] for row in rows],
        "completion_ids": [list(row["completion"].encode()) for row in rows],
    }
    accepted = inspect.signature(function).parameters
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values()):
        columns = {name: column for name, column in columns.items() if name in accepted}
    rewards = function(prompts=prompts, completions=completions, **columns)
    return list(asyncio.run(rewards) if inspect.iscoroutine(rewards) else rewards)


def verl(function: Callable[..., Any], rows: list[dict[str, Any]]) -> list[Any]:
    """As verl calls a reward: one solution at a time."""
    rewards: list[Any] = []
    for row in rows:
        extra = {"question": row["question"], "images": [picture(path) for path in row["images"]]}
        reward: dict[str, float] | float | None = function(
            data_source=row["data_source"],
            solution_str=row["completion"],
            ground_truth=row["ground_truth"],
            extra_info=extra,
        )
        rewards.append(reward.get("score") if isinstance(reward, dict) else reward)
    return rewards


def answer(function: Callable[..., Any], style: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rewards of the rows, or what the function raised."""
    try:
        rewards = verl(function, rows) if style == "verl" else trl(function, rows, plain=style == "trl-text")
        if len(rewards) != len(rows):
            return {"error": f"returned {len(rewards)} rewards for {len(rows)} completions"}
        return {"rewards": [None if reward is None else float(reward) for reward in rewards]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Serves until standard input ends."""
    path, name, style, network = sys.argv[1:5]
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What the function prints must not be taken for a reply.
    if network != "allowed" and not leave_network():
        sys.exit(NO_NAMESPACE)
    try:
        function = load(Path(path), name)
    except Exception as error:
        replies.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}) + "\n")
        sys.exit(1)
    replies.write(json.dumps({"ready": True}) + "\n")
    replies.flush()
    for line in sys.stdin:
        replies.write(json.dumps(answer(function, style, json.loads(line))) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
