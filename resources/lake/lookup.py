"""Ids looked up among many, batch after batch. Arrow's `index_in` and `is_in` index their value set anew on every call,
which makes a stream of batches quadratic: at 10^6 ids, half a second a batch."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ops.core.arrow import AnyArray, Column, numpy_values


class KeyIndex:
    """Distinct ids, indexed once."""

    def __init__(self, ids: Column) -> None:
        self._index = pd.Index(numpy_values(ids), dtype=object)

    def positions(self, ids: AnyArray) -> np.ndarray:
        """Place of each of `ids` (n, int64), -1 where it is null or unknown."""
        return self._index.get_indexer(pd.Index(ids.to_numpy(zero_copy_only=False), dtype=object)).astype(np.int64)


def one_each(rows: pa.Table, key: str) -> pa.Table:
    """The first row of each key, in their order: of what is stored by content two writers may both have stored it."""
    doubles = pd.Series(rows[key].to_numpy()).duplicated().to_numpy()
    return rows.filter(pa.array(~doubles)) if doubles.any() else rows


def by_key(rows: pa.Table, key: str) -> pa.Table:
    """The rows in the order of their key, one of each."""
    return one_each(rows.take(pc.sort_indices(rows[key])), key)
