"""Groups of alike hashes: verified, unchained, and the same in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.vision.image_groups import HashIndex, leaders


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.bitwise_count(one ^ other)


def by_hand(hashes: list[int], most: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for one in sorted(hashes):
        near = [((one ^ other).bit_count(), other) for other, lead in found.items() if lead == other]
        near = [pair for pair in near if pair[0] <= most]
        found[one] = min(near)[1] if near else one
    return found


@given(st.sets(st.integers(0, 2**64 - 1), max_size=30), st.lists(st.integers(0, 2**64 - 1), max_size=8), st.data())
def test_same_as_comparing_all(hashes: set[int], flips: list[int], data: st.DataObject) -> None:
    """Also where many hashes differ in a few bits."""
    base = sorted(hashes)
    for flip in flips:
        bits = data.draw(st.lists(st.integers(0, 63), max_size=6))
        near = base[flip % len(base)] if base else flip
        for bit in bits:
            near ^= 1 << bit
        hashes.add(near)
    most = data.draw(st.integers(0, 6))
    listed = data.draw(st.permutations(sorted(hashes)))
    found = leaders(np.array(listed, dtype=np.uint64), most)
    assert dict(zip(listed, found.tolist(), strict=True)) == by_hand(listed, most)


def test_groups_do_not_chain() -> None:
    chain = np.array([0b0, 0b1111, 0b11111111], dtype=np.uint64)
    assert leaders(chain, 4).tolist() == [0, 0, 0b11111111]


@pytest.mark.parametrize("count", [3000])
def test_every_member_is_near_its_leader(count: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, count, dtype=np.uint64)
    near = base ^ (np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64))
    hashes = np.unique(np.concatenate([base, near]))
    found = leaders(hashes, 4)
    assert (distance(hashes, found) <= 4).all()
    assert len(np.unique(found)) == count


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(0, 2**64 - 1), st.integers(0, 40))
def test_the_index_finds_what_comparing_all_finds(hashes: list[int], one: int, most: int) -> None:
    expected = [at for at, other in enumerate(hashes) if (one ^ other).bit_count() <= most]
    assert HashIndex(hashes, most).near(one) == expected
