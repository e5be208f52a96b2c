"""Alike hashes are found as comparing all of them would."""

from hypothesis import given
from hypothesis import strategies as st

from ops.vision.image_groups import HashIndex


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(0, 2**64 - 1), st.integers(0, 40))
def test_the_index_finds_what_comparing_all_finds(hashes: list[int], asked: int, most: int) -> None:
    expected = [at for at, other in enumerate(hashes) if (asked ^ other).bit_count() <= most]
    assert HashIndex(hashes, most).near(asked) == expected
