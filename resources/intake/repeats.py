"""Rows of a drop that repeat earlier ones, by 64-bit hashes. The driver holds 16 bytes a row: there may be tens of
millions."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pandas.util import hash_array


def column_hashes(table: pa.Table) -> list[NDArray[np.uint64]]:
    """64 bits of each value, by column."""
    texts = [column.to_numpy() for column in table.columns]
    return [np.asarray(hash_array(t), np.uint64) for t in texts]  # pyright: ignore[reportArgumentType, reportCallIssue]


def repeats(keys: Sequence[NDArray[np.uint64]]) -> list[dict[int, int]]:
    """For each shard, the positions whose key came earlier in the drop and how often it had come."""
    ordered = np.sort(np.concatenate([*keys, np.array([], np.uint64)]))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    counts: Counter[int] = Counter()
    occurrences: list[dict[int, int]] = []
    for shard in keys:
        occurrences.append({})
        for at in np.flatnonzero(np.isin(shard, repeated)):
            key = int(shard[at])
            if counts[key]:
                occurrences[-1][int(at)] = counts[key]
            counts[key] += 1
    return occurrences
