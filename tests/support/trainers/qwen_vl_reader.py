"""Qwen-VL's fine-tuning code, which comes as no package: `_build_messages` and the labels of `preprocess_qwen_visual`,
written anew after qwenvl/data/data_processor.py of QwenLM/Qwen3-VL. What it would swap for another row raises."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from loaded_rows import IGNORED

ASSISTANT, END = 77091, 151645


def messages_of(
    turns: Sequence[dict[str, Any]], paths: Sequence[str], opened: Callable[[str], Any] = str
) -> list[dict[str, Any]]:
    """Human turns are split at placeholders, and the texts between are stripped; every other turn is an answer.
    `opened` makes of a path what the processor is given."""
    left = list(paths)
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn["from"] != "human":
            messages.append({"role": "assistant", "content": [{"type": "text", "text": turn["value"]}]})
            continue
        content: list[dict[str, Any]] = []
        for piece in re.split(r"(<image>|<video>)", turn["value"]):
            if piece == "<video>":
                raise ValueError("a placeholder without a video")
            if piece == "<image>":
                content.append({"type": "image", "image": opened(left.pop(0))})
            elif piece.strip():
                content.append({"type": "text", "text": piece.strip()})
        messages.append({"role": "user", "content": content})
    if left:
        raise ValueError(f"{len(left)} images without a placeholder")
    return messages


def labels_of(ids: list[int]) -> list[int]:
    """What follows the token `assistant` and a line break is learned, up to the end of the turn and its line break."""
    labels = [IGNORED] * len(ids)
    at = 0
    while at < len(ids):
        if ids[at] == ASSISTANT:
            start = end = at + 2
            while end < len(ids) and ids[end] != END:
                end += 1
            if end < len(ids):
                labels[start : end + 2] = ids[start : end + 2]
                at = end
        at += 1
    return labels
