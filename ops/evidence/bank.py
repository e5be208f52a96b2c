"""The bank: the fixed random set that stands for "some other image" or "some other text"."""

import hashlib

import numpy as np

from ops.core.vectors import Vectors


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


def pair_spread(images: Vectors, texts: Vectors) -> float:
    """Standard deviation of the cosines between a bank's images and texts, less the mean of each image and of each
    text: what is left says how much a text has to do with a picture, on the encoder's own scale. 0 where there are not
    two of each."""
    if min(len(images), len(texts)) < 2:
        return 0.0
    cosines = texts.matrix.astype(np.float32) @ images.matrix.astype(np.float32).T
    rows, columns = cosines.mean(axis=1, keepdims=True), cosines.mean(axis=0, keepdims=True)
    return float((cosines - rows - columns + cosines.mean()).std())
