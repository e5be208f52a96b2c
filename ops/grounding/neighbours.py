"""Do the neighbours of an image and of a text agree that the two belong together? (Zhang et al., "LEMoN: Label Error
Detection using Multimodal Neighbors", 2024.)"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SLICE = 1024
_LEAST_SPREAD = 1e-4


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a text and an image (n): unit vectors of each (n, d), and keys (n) that are the same where images
    are."""

    texts: np.ndarray
    images: np.ndarray
    image_keys: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> "Pairs":
        """The pairs at these places."""
        return Pairs(self.texts[rows], self.images[rows], self.image_keys[rows])


def joined_pairs(parts: Sequence[Pairs]) -> Pairs:
    """All pairs of the parts, one part at least."""
    held = [part for part in parts if len(part)] or list(parts[:1])
    return Pairs(
        *(np.concatenate([getattr(part, side) for part in held]) for side in ("texts", "images", "image_keys"))
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of each pair (n): how many standard deviations its text lies nearer to the texts of its image's neighbours than
    to others (text_z), its image nearer to the images of its text's neighbours (image_z), and how many of the
    neighbours of its image show that same image."""

    text_z: np.ndarray
    image_z: np.ndarray
    same_image: np.ndarray


def agreement(pairs: Pairs, others: Pairs, own: np.ndarray, *, nearest: int, temperature: float) -> Agreement:
    """Of each pair (n), with its `nearest` neighbours among the `others`, itself left out: it is the one at the place
    `own` (n) of them, -1 where it is none of them. The nearer a neighbour, the more it counts: exponentially, in units
    of `temperature`. Needs at least two others."""
    # In float64 and then rounded: which of equally near neighbours count must not depend on how many pairs are asked.
    images, texts = others.images.T.astype(np.float64), others.texts.T.astype(np.float64)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start in range(0, len(pairs), _SLICE):
        rows = np.arange(start, min(len(pairs), start + _SLICE))
        asked = pairs.take(rows)
        by_image, by_text = (asked.images @ images).astype(np.float32), (asked.texts @ texts).astype(np.float32)
        itself = own[rows, None] == np.arange(len(others))
        near_images, image_weights = _neighbours(by_image, itself, nearest, temperature)
        near_texts, text_weights = _neighbours(by_text, itself, nearest, temperature)
        same = others.image_keys[near_images] == asked.image_keys[:, None]
        text_z = _nearer(by_text, itself, near_images, image_weights)
        image_z = _nearer(by_image, itself, near_texts, text_weights)
        parts.append((text_z, image_z, same.sum(axis=1)))
    text_z, image_z, same = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Agreement(text_z, image_z, same)


def _neighbours(
    cosines: np.ndarray, itself: np.ndarray, nearest: int, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Places of the nearest of each row of cosines (n, p), and their weights (n, k); none of the row itself."""
    apart = np.where(itself, -np.inf, cosines)
    count = min(nearest, apart.shape[1])
    places = np.argpartition(-apart, count - 1, axis=1)[:, :count]
    logs = np.take_along_axis(apart, places, axis=1) / temperature
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return places, weights / weights.sum(axis=1, keepdims=True)


def _nearer(cosines: np.ndarray, itself: np.ndarray, near: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of the neighbours' cosines, less that of all others, in standard deviations of the latter."""
    apart = np.where(itself, np.nan, cosines)
    # A row itself is among its neighbours only where nothing else is left, and weighs nothing.
    chosen = np.nan_to_num(np.take_along_axis(apart, near, axis=1))
    usual, spread = np.nanmean(apart, axis=1), np.nanstd(apart, axis=1)
    return ((weights * chosen).sum(axis=1) - usual) / np.maximum(spread, _LEAST_SPREAD)
