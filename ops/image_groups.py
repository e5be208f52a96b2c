"""Images that look alike, by their perceptual hashes: found by shared bands of bits, verified by Hamming distance.

Two hashes of 64 bits that differ in at most d bits agree in one of d + 1 bands of bits (pigeonhole), so only hashes
that share a band are compared, and none within d is missed. A group is a leader and what lies within d of it; nothing
joins through a third (single linkage would chain far images together). So two members of a group may differ by up to
2 d, and two images within d of each other may have different leaders: groups propose, and whoever compares two members
verifies that pair.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

BITS = 64


def leaders(hashes: np.ndarray, distance: int) -> np.ndarray:
    """The leader of each hash (n, uint64, distinct): the smallest hash leads; each next one joins the nearest leader
    within `distance` bits, the smaller of two as near, or leads itself. The order of `hashes` decides nothing."""
    order = np.argsort(hashes)
    known = hashes[order]
    lead = np.arange(len(known))
    earlier: dict[int, list[tuple[int, int]]] = {}
    for one, other, apart in _edges(known, distance):
        for left, right, bits in zip(one.tolist(), other.tolist(), apart.tolist(), strict=True):
            earlier.setdefault(max(left, right), []).append((bits, min(left, right)))
    for member in sorted(earlier):
        near = [pair for pair in earlier[member] if lead[pair[1]] == pair[1]]
        if near:
            lead[member] = min(near)[1]
    found = np.empty_like(hashes)
    found[order] = known[lead]
    return found


def _edges(hashes: np.ndarray, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs of places within `distance` bits of each other, and how many bits; some more than once."""
    edges = np.linspace(0, BITS, distance + 2).astype(np.uint64)
    for start, end in pairwise(edges):
        band = (hashes >> start) & np.uint64((1 << int(end - start)) - 1)
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        at = np.arange(len(order))
        for shift in range(1, len(order)):
            at = at[at + shift < len(order)]
            at = at[ordered[at] == ordered[at + shift]]
            if not len(at):
                break
            one, other = order[at], order[at + shift]
            apart = np.bitwise_count(hashes[one] ^ hashes[other])
            near = apart <= distance
            yield one[near], other[near], apart[near]
