"""Ids looked up among many, batch after batch. Arrow's `index_in` and `is_in` index their value set anew on every call,
which makes a stream of batches quadratic: at 10^6 ids, half a second a batch."""

from typing import Any

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import pyarrow as pa

from ops.core.arrow import (
    AnyArray,
    Column,
    as_large,
    compare,
    flags,
    numpy_values,
    rows_at,
    rows_where,
    sort_order,
    taken,
    whole,
)
from ops.core.hashing import joined, text_hashes

_PANDAS: Any = pd
_PIECE = 1 << 16


class KeyIndex:
    """Distinct ids, indexed once: by their hashes, 16 bytes an id beside the ids themselves."""

    def __init__(self, ids: Column) -> None:
        self._ids = whole(pa.table([as_large(ids)], ["id"]), "id")
        hashes = _hashes(self._ids)
        self._places = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._places]

    def positions(self, ids: AnyArray) -> np.ndarray:
        """Place of each of `ids` (n, int64), -1 where it is null or unknown."""
        asked, hashes = as_large(ids), _hashes(ids)
        positions = np.full(len(ids), -1, np.int64)
        waiting, at = np.arange(len(ids)), np.searchsorted(self._hashes, hashes)
        # Once, but for ids that share their hash with another.
        while len(waiting):
            alike = at < len(self._hashes)
            alike[alike] = self._hashes[at[alike]] == hashes[waiting[alike]]
            waiting, at = waiting[alike], at[alike]
            places = self._places[at]
            same = flags(compare(taken(self._ids, pa.array(places)), "==", taken(asked, pa.array(waiting))))
            positions[waiting[same]] = places[same]
            waiting, at = waiting[~same], at[~same] + 1
        return positions


def _hashes(ids: Column) -> np.ndarray:
    chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
    pieces = (chunk.slice(at, _PIECE) for chunk in chunks for at in range(0, len(chunk), _PIECE))
    return joined(map(text_hashes, pieces))


def one_each(rows: pa.Table, key: str) -> pa.Table:
    """The first row of each key, in their order: of what is stored by content two writers may both have stored it."""
    doubles: np.ndarray = _PANDAS.Series(numpy_values(rows[key])).duplicated().to_numpy()
    return rows_where(rows, pa.array(~doubles)) if doubles.any() else rows


def by_key(rows: pa.Table, key: str) -> pa.Table:
    """The rows in the order of their key, one of each."""
    return one_each(rows_at(rows, sort_order(rows[key])), key)
