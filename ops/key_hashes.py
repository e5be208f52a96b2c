"""Keys as 64-bit hashes: sets of a corpus's rows at eight bytes a row."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_pandas_object

EXAMPLE_KEY = ("delivery", "example_id")


def key_hashes(batch: pa.RecordBatch, columns: Sequence[str] = EXAMPLE_KEY) -> np.ndarray:
    """A hash (n, uint64) of each row's key, the same in every batch and process.

    Two of a million keys share a hash with a probability of 3e-8.
    """
    filled = {name: _no_nulls(batch.column(name)) for name in columns}
    hashed: Any = hash_pandas_object
    return hashed(pa.table(filled).to_pandas(), index=False).to_numpy(dtype=np.uint64)


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """The hashes of several batches as one array."""
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def _no_nulls(column: pa.Array) -> pa.Array:
    # Nulls would turn a batch's integers into floats, whose hashes differ from another batch's.
    filler = pa.scalar(-1 if pa.types.is_integer(column.type) else "", column.type)
    filled: Any = pc.fill_null(column, filler)
    return filled
