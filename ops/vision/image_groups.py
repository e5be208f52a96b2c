"""Images that look alike, by their perceptual hashes: found by shared bands of bits, verified by Hamming distance.

Two hashes of 64 bits that differ in at most d bits agree in one of d + 1 bands of bits (pigeonhole), so only hashes
that share a band are compared, and none within d is missed. A group is a leader and what lies within d of it; nothing
joins through a third (single linkage would chain far images together). So two members of a group may differ by up to
2 d, and two images within d of each other may have different leaders: groups propose, and whoever compares two members
verifies that pair.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ops.vision.colours import read_facts

BITS = 64


def leaders(hashes: np.ndarray, distance: int) -> np.ndarray:
    """The leader of each hash (n, uint64, distinct): the smallest hash leads; each next one joins the nearest leader
    within `distance` bits, the smaller of two as near, or leads itself. The order of `hashes` decides nothing."""
    order = np.argsort(hashes)
    known = hashes[order]
    lead = np.arange(len(known))
    earlier: dict[int, list[tuple[int, int]]] = {}
    for first, second, apart in _edges(known, distance):
        for left, right, bits in zip(first.tolist(), second.tolist(), apart.tolist(), strict=True):
            earlier.setdefault(max(left, right), []).append((bits, min(left, right)))
    for member in sorted(earlier):
        near = [pair for pair in earlier[member] if lead[pair[1]] == pair[1]]
        if near:
            lead[member] = min(near)[1]
    leader = np.empty_like(hashes)
    leader[order] = known[lead]
    return leader


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


def _edges(hashes: np.ndarray, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs of places within `distance` bits of each other, and how many bits; some more than once."""
    for start, end in pairwise(_edges_of_bands(distance)):
        band = (hashes >> np.uint64(start)) & np.uint64((1 << end - start) - 1)
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        at = np.arange(len(order))
        for shift in range(1, len(order)):
            at = at[at + shift < len(order)]
            at = at[ordered[at] == ordered[at + shift]]
            if not len(at):
                break
            low, high = order[at], order[at + shift]
            apart = np.bitwise_count(hashes[low] ^ hashes[high])
            near = apart <= distance
            yield low[near], high[near], apart[near]
