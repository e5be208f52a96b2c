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


def weighed_runs(tokenizer: Any, ids: list[int], labels: list[int], weights: list[float]) -> list[tuple[str, float]]:
    """The texts that carry loss with their weights, one for each run of tokens of one weight."""
    runs: list[tuple[list[int], float]] = []
    before: float | None = None
    for token, label, weight in zip(ids, labels, weights, strict=True):
        if label == IGNORED:
            before = None
            continue
        if weight != before:
            runs.append(([], weight))
        runs[-1][0].append(token)
        before = weight
    return [(tokenizer.decode(run), weight) for run, weight in runs]


def digest(picture: Any) -> str:
    """SHA-256 of the size and pixels of a PIL image as RGB."""
    rgb = picture.convert("RGB")
    return hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
