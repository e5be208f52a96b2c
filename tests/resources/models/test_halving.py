"""Halving a batch while there is no room for it."""

import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resources.models.halving import in_halves


@given(st.lists(st.integers(), max_size=40), st.integers(1, 50))
def test_parts_fit_and_keep_their_order(items: list[int], room: int) -> None:
    def run(part: list[int]) -> list[int]:
        if len(part) > room:
            raise torch.OutOfMemoryError
        return part

    logging.getLogger("resources.models.halving").setLevel(logging.ERROR)
    parts = in_halves(run, items, noun="items")
    assert [item for part in parts for item in part] == items
    assert all(len(part) <= room for part in parts)


def test_no_room_for_one_is_an_error() -> None:
    def run(_: list[int]) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        in_halves(run, [1, 2, 3], noun="items")
