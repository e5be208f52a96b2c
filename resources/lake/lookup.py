"""Ids looked up among many, batch after batch. Arrow's `index_in` and `is_in` index their value set anew on every call,
which makes a stream of batches quadratic: at 10^6 ids, half a second a batch."""

from collections.abc import Set as AbstractSet

import numpy as np
import pandas as pd
import pyarrow as pa

from ops.core.arrow import Column, numpy_values


def among(batch: pa.RecordBatch, column: str, wanted: AbstractSet[str | None]) -> pa.RecordBatch:
    """The rows of the batch whose `column` is one of the wanted."""
    return batch.filter(pa.array([value in wanted for value in batch[column].to_pylist()], pa.bool_()))


class KeyIndex:
    """Distinct ids, indexed once."""

    def __init__(self, ids: Column) -> None:
        self._index = pd.Index(numpy_values(ids), dtype=object)

    def positions(self, ids: pa.Array) -> np.ndarray:
        """Place of each of `ids` (n, int64), -1 where it is null or unknown."""
        return self._index.get_indexer(pd.Index(ids.to_numpy(zero_copy_only=False), dtype=object)).astype(np.int64)
