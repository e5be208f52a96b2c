"""Spherical k-means: directions that unit vectors gather about."""

import numpy as np

from ops.core.vectors import unit

_ROUNDS = 10
_DIGITS = 9


def centres(sample: np.ndarray, count: int) -> np.ndarray:
    """Unit vectors (k, d; float64) of at most `count` clusters of a sample of unit vectors (n, d), whose order decides:
    the first ones are the first centres (Dhillon and Modha, 2001). A centre that nothing is nearest to stays.

    Products are rounded before they are compared, so that the number of cores does not decide which is larger.
    """
    found = unit(sample[: max(0, count)])
    for _ in range(_ROUNDS if len(found) else 0):
        cluster, _ = nearest(sample, found)
        order = np.argsort(cluster, kind="stable")
        present, starts = np.unique(cluster[order], return_index=True)
        moved = found.copy()
        moved[present] = np.round(unit(np.add.reduceat(sample[order], starts, axis=0)), _DIGITS)
        if (moved == found).all():
            break
        found = moved
    return found


def nearest(vectors: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre (n) of each unit vector, the first of those as near, and its cosine (n), rounded."""
    if not len(vectors) or not len(found):
        return np.zeros(len(vectors), dtype=np.int64), np.ones(len(vectors))
    cosines = np.round(vectors @ found.T, _DIGITS)
    cluster = np.argmax(cosines, axis=1)
    return cluster, cosines[np.arange(len(cluster)), cluster]
