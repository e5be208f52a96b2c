"""Unit vectors looked up by content, as the audits see embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Vectors:
    """`ids` (n, sorted, fixed-width bytes) and the `matrix` (n, d; float16, rows of unit length) they name.

    Both are plain numpy arrays, so that Ray shares one copy between the workers of a machine.
    """

    ids: np.ndarray
    matrix: np.ndarray

    @classmethod
    def of(cls, ids: Sequence[str], matrix: np.ndarray) -> "Vectors":
        """From hex ids in any order, each at most once, and their vectors (n, d)."""
        keys = np.array([i.encode("ascii") for i in ids], dtype=np.bytes_)
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], np.ascontiguousarray(matrix[order], dtype=np.float16))

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Sequence[str]) -> np.ndarray:
        """Row of each id in `matrix` (int64), -1 where it is unknown."""
        if not len(self.ids) or not len(ids):
            return np.full(len(ids), -1, dtype=np.int64)
        keys = np.array([(i or "").encode("ascii") for i in ids], dtype=np.bytes_)
        at = np.minimum(np.searchsorted(self.ids, keys), len(self.ids) - 1)
        return np.where(self.ids[at] == keys, at, -1)

    def gather(self, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the ids, (n, d) float32 with zeros where unknown, and which are known, (n,) bool."""
        at = self.positions(ids)
        known = at >= 0
        found = np.zeros((len(at), self.matrix.shape[1] if self.matrix.ndim == 2 else 0), dtype=np.float32)
        found[known] = self.matrix[at[known]]
        return found, known
