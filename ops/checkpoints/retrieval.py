"""What an image tower can still do with texts: find an image's own among all, and name what it shows."""

from collections.abc import Sequence

import numpy as np


def first_hits(images: np.ndarray, texts: np.ndarray, wanted: Sequence[str], offered: Sequence[str]) -> np.ndarray:
    """Whether the nearest of the offered texts (m, d) is the wanted one, for each image (n, d): R@1, or the accuracy of
    zero-shot classification (Radford et al., 2021). Vectors are of unit length; n booleans."""
    nearest = np.argmax(images @ texts.T, axis=1)
    return np.array([offered[at] == text for at, text in zip(nearest.tolist(), wanted, strict=True)], dtype=bool)
