"""The bank: the fixed random set that stands for "some other image" or "some other text"."""

import hashlib

import numpy as np

from ops.vectors import Vectors


def choose_bank(vectors: Vectors, size: int) -> Vectors:
    """At most `size` of the vectors, those whose salted ids hash lowest.

    The choice is random with respect to what an image shows, yet depends on nothing but the set of ids: not on the
    order in which rows came, nor on a seed that someone could forget.
    """
    if len(vectors) <= size:
        return vectors
    hashes = [hashlib.blake2b(b"bank" + bytes(i), digest_size=8).digest() for i in vectors.ids.tolist()]
    order = np.array([int.from_bytes(value) for value in hashes], dtype=np.uint64)
    chosen = np.sort(np.argsort(order, kind="stable")[:size])
    return Vectors(vectors.ids[chosen], vectors.matrix[chosen])
