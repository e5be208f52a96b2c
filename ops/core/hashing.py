"""64-bit hashes of arrays, equal on every machine and in every version, unlike those of libraries: sets of a corpus's
rows at eight bytes a row, and seeds."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

EXAMPLE_KEY = ("delivery", "example_id")


def splitmix(x: np.ndarray) -> np.ndarray:
    """The values (uint64) mixed so that any change of input changes half of the bits. Steele, Lea and Flood, 2014."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def key_hashes(batch: pa.RecordBatch, columns: Sequence[str] = EXAMPLE_KEY) -> np.ndarray:
    """A hash (n, uint64) of each row's key, the same in every batch and on every machine.

    Two of a million keys share a hash with a probability of 3e-8. Columns are text or integers.
    """
    state = np.zeros(batch.num_rows, dtype=np.uint64)
    for name in columns:
        state = splitmix(state ^ _hashes(batch.column(name)))
    return state


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """The hashes of several batches as one array."""
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def distinct(hashes: np.ndarray) -> np.ndarray:
    """Each hash once, sorted. (`np.unique` goes through a hash table, ten times as slow on a million.)"""
    ordered = np.sort(hashes)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def absent(hashes: np.ndarray, among: np.ndarray) -> int:
    """How many of `hashes` are not `among` those, which are as `distinct` gives them."""
    return int((~present(hashes, among)).sum())


def present(hashes: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Which of `hashes` (n, bool) are `among` those, which are as `distinct` gives them."""
    if not len(among):
        return np.zeros(len(hashes), dtype=bool)
    at = np.minimum(np.searchsorted(among, hashes), len(among) - 1)
    return among[at] == hashes


def _hashes(column: Any) -> np.ndarray:
    if pa.types.is_integer(column.type):
        numbers: Any = pc.fill_null(column.cast(pa.int64()), pa.scalar(-1, pa.int64()))
        return splitmix(numbers.to_numpy().view(np.uint64))
    # Names of deliveries are few and can be long; each is hashed once.
    encoded: Any = column.dictionary_encode(null_encoding="encode")
    return text_hashes(encoded.dictionary)[encoded.indices.to_numpy()]


def text_hashes(texts: Any) -> np.ndarray:
    """A hash (n, uint64) of each text of an array; null is as the empty one."""
    # Eight bytes at a time; the length comes first, so that trailing zero bytes count.
    filled: Any = pc.fill_null(texts.cast(pa.large_string()), pa.scalar("", pa.large_string()))
    _, offset_bytes, data_bytes = filled.buffers()
    offsets = np.frombuffer(offset_bytes, dtype=np.int64)[filled.offset : filled.offset + len(filled) + 1]
    data = np.frombuffer(data_bytes or b"", dtype=np.uint8)
    lengths = np.diff(offsets)
    state = splitmix(lengths.view(np.uint64))
    for start in range(0, int(lengths.max(initial=0)), 8):
        chosen = np.flatnonzero(lengths > start)
        at = offsets[chosen, None] + start + np.arange(8)
        inside = at < offsets[chosen + 1, None]
        words = np.where(inside, data[np.minimum(at, len(data) - 1)], 0).astype(np.uint8).view("<u8").ravel()
        state[chosen] = splitmix(state[chosen] ^ words)
    return state
