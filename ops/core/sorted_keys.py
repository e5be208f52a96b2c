"""Ids as sorted, fixed-width bytes: plain arrays, which Ray shares between the workers of a machine."""

from collections.abc import Sequence

import numpy as np


def sorted_keys(ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The ids (n, ASCII, in any order, each at most once) as keys (n, sorted, fixed-width bytes), and the place that
    each key had among the ids (n, int64)."""
    keys = _bytes(ids)
    order = np.argsort(keys, kind="stable")
    return keys[order], order


def places(keys: np.ndarray, ids: Sequence[str | None]) -> np.ndarray:
    """Place of each id in sorted keys (n, int64), -1 where it is not there. None counts as the empty id."""
    if not len(keys) or not len(ids):
        return np.full(len(ids), -1, dtype=np.int64)
    wanted = _bytes([one or "" for one in ids])
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def _bytes(ids: Sequence[str]) -> np.ndarray:
    return np.array([one.encode("ascii") for one in ids], dtype=np.bytes_)
