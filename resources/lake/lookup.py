"""Ids looked up among many, batch after batch. Arrow's `index_in` and `is_in` index their value set anew on every call,
which makes a stream of batches quadratic: at 10^6 ids, half a second a batch."""

from typing import Any

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import pyarrow as pa

from ops.core.arrow import AnyArray, Column, numpy_values, rows_at, rows_where, sort_order

_PANDAS: Any = pd


class KeyIndex:
    """Distinct ids, indexed once."""

    def __init__(self, ids: Column) -> None:
        self._index = _PANDAS.Index(numpy_values(ids), dtype=object)

    def positions(self, ids: AnyArray) -> np.ndarray:
        """Place of each of `ids` (n, int64), -1 where it is null or unknown."""
        return self._index.get_indexer(_PANDAS.Index(numpy_values(ids), dtype=object)).astype(np.int64)


def one_each(rows: pa.Table, key: str) -> pa.Table:
    """The first row of each key, in their order: of what is stored by content two writers may both have stored it."""
    doubles: np.ndarray = _PANDAS.Series(numpy_values(rows[key])).duplicated().to_numpy()
    return rows_where(rows, pa.array(~doubles)) if doubles.any() else rows


def by_key(rows: pa.Table, key: str) -> pa.Table:
    """The rows in the order of their key, one of each."""
    return one_each(rows_at(rows, sort_order(rows[key])), key)
