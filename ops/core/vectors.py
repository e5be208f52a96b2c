"""Unit vectors looked up by content, as the audits see embeddings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.sorted_keys import places, sorted_keys


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
        keys, order = sorted_keys(ids)
        return cls(keys, np.ascontiguousarray(matrix[order], dtype=np.float16))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def width(self) -> int:
        """Dimensions of a vector; 0 where that is not known, because there is none."""
        return self.matrix.shape[1]

    def widened(self, width: int) -> "Vectors":
        """The same with vectors of that width, where there are none. ValueError where there are, of another."""
        if self.width == width:
            return self
        if len(self):
            raise ValueError(
                f"vectors of {self.width} dimensions stand beside others of {width}; one encoder makes all"
            )
        return Vectors(self.ids, np.zeros((0, width), dtype=np.float16))

    def among(self, ids: Collection[str]) -> "Vectors":
        """Those of the vectors that the ids name."""
        at = np.unique(self.positions(list(ids)))
        at = at[at >= 0]
        return Vectors(self.ids[at], self.matrix[at])

    def positions(self, ids: Sequence[str]) -> np.ndarray:
        """Row of each id in `matrix` (int64), -1 where it is unknown."""
        return places(self.ids, ids)

    def gather(self, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the ids, (n, d) float32 with zeros where unknown, and which are known, (n,) bool."""
        at = self.positions(ids)
        known = at >= 0
        vectors = np.zeros((len(at), self.width), dtype=np.float32)
        vectors[known] = self.matrix[at[known]]
        return vectors, known


def joined(parts: Sequence[Vectors]) -> Vectors:
    """All vectors of the parts, each id once. ValueError where their widths differ."""
    width = max((part.width for part in parts), default=0)
    held = [part.widened(width) for part in parts]
    if not sum(map(len, held)):
        return Vectors.of([], np.zeros((0, width)))
    ids, first = np.unique(np.concatenate([part.ids for part in held if len(part)]), return_index=True)
    return Vectors(ids, np.concatenate([part.matrix for part in held if len(part)])[first])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows (n, d) at length 1, in float64; zeros stay zeros."""
    rows = np.asarray(vectors, dtype=np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
