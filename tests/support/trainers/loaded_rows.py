"""What the scripts of this folder say of a row: which texts carry loss, and which pixels a picture has."""

import hashlib
from typing import Any

IGNORED = -100
"""The label of a token that carries no loss."""


def target_runs(tokenizer: Any, ids: list[int], labels: list[int]) -> list[str]:
    """The texts that carry loss, one for each run of tokens."""
    places: list[list[int]] = []
    before = IGNORED
    for token, label in zip(ids, labels, strict=True):
        if label != IGNORED:
            if before == IGNORED:
                places.append([])
            places[-1].append(token)
        before = label
    return [tokenizer.decode(run) for run in places]


def first_of_runs(labels: list[int], values: list[float]) -> list[float]:
    """The value at the first token of each run that carries loss."""
    before = [IGNORED, *labels[:-1]]
    places = zip(before, labels, values, strict=True)
    return [value for last, label, value in places if label != IGNORED and last == IGNORED]


def digest(picture: Any) -> str:
    """SHA-256 of the size and pixels of a PIL image as RGB."""
    rgb = picture.convert("RGB")
    return hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
