"""Word shingles and their MinHash: how alike two texts are, and how to find the alike ones without comparing all."""

import re
import zlib
from collections.abc import Sequence

import numpy as np

from ops.core.canonical import canonical_query
from ops.core.hashing import splitmix

BANDS = 16
"""Of four values each, they find a pair of Jaccard similarity 0.8 with probability 0.9998, 0.4 with 0.34."""

_WORD = re.compile(r"\w+")
_ROWS = 4


def shingles(text: str, *lengths: int) -> np.ndarray:
    """Hashes (uint32, sorted, each once) of the text's runs of so many words; of all its words where there are
    fewer."""
    words = _WORD.findall(canonical_query(text))
    runs = {" ".join(words[at : at + n]) for n in lengths for at in range(max(1, len(words) - n + 1)) if words}
    return np.array(sorted({zlib.crc32(run.encode()) for run in runs}), dtype=np.uint32)


def signature(hashes: np.ndarray, count: int = BANDS * _ROWS) -> np.ndarray:
    """MinHash values (count, uint64) of shingles; empty where there are none. Broder, 1997."""
    if not len(hashes):
        return np.zeros(0, dtype=np.uint64)
    return splitmix(hashes.astype(np.uint64)[:, None] ^ splitmix(np.arange(count, dtype=np.uint64))).min(axis=0)


def bands(hashes: np.ndarray) -> list[bytes]:
    """The signature in BANDS pieces: texts that share a piece are worth comparing."""
    values = signature(hashes)
    return [piece.tobytes() for piece in np.split(values, BANDS)] if len(values) else []


def band_numbers(hashes: np.ndarray, count: int = BANDS) -> np.ndarray:
    """The same as numbers (count, int64), which differ from place to place."""
    values = signature(hashes, count * _ROWS).reshape(-1, _ROWS)
    numbers = np.arange(len(values), dtype=np.uint64)
    for at in range(_ROWS):
        numbers = splitmix(numbers ^ values[:, at])
    return numbers.view(np.int64)


def number_of(name: str) -> int:
    """The first 64 bits of a digest, as such a number."""
    return int.from_bytes(bytes.fromhex(name[:16]), "little", signed=True)


def jaccard(first: Sequence[int] | np.ndarray, second: Sequence[int] | np.ndarray) -> float:
    """Shared shingles over all shingles of two texts; 0 where both are empty."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    union = len(first) + len(second) - shared
    return shared / union if union else 0.0
