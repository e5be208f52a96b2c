"""Images that look alike, by their perceptual hashes: found by shared bands of bits, verified by Hamming distance.

Two hashes of 64 bits that differ in at most d bits agree in one of d + 1 bands of bits (pigeonhole), so only hashes
that share a band are compared, and none within d is missed.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ops.vision.colours import read_facts

BITS = 64


class HashIndex:
    """Hashes to look others up in: which of them lie within `distance` bits."""

    def __init__(self, hashes: Sequence[int], distance: int) -> None:
        self.hashes = hashes
        self.distance = distance
        self._bands = [(start, (1 << end - start) - 1) for start, end in pairwise(_edges_of_bands(distance))]
        self._places: dict[tuple[int, int], list[int]] = {}
        for at, value in enumerate(hashes):
            for band in self._of(value):
                self._places.setdefault(band, []).append(at)

    def near(self, value: int) -> list[int]:
        """Places of the hashes within the distance, in their order."""
        candidates = {at for band in self._of(value) for at in self._places.get(band, ())}
        return sorted(at for at in candidates if (self.hashes[at] ^ value).bit_count() <= self.distance)

    def _of(self, value: int) -> list[tuple[int, int]]:
        return [(start, value >> start & mask) for start, mask in self._bands]


def colour_apart(picture: bytes, other: bytes) -> float:
    """The largest share of the pixels that may be of some colour in one of two pictures and is not in the other, from
    their facts (ops.vision.colours.picture_facts)."""
    first, second = (read_facts(np.frombuffer(facts, np.uint8)).whole.possible for facts in (picture, other))
    return float(np.abs(first - second).max())


def _edges_of_bands(distance: int) -> list[int]:
    return np.linspace(0, BITS, distance + 2).astype(np.int64).tolist()
