"""Kinds of pictures that count more in a version: the clusters that a checkpoint lost (ops.checkpoints.clusters).

No weight grows. Where a cluster is to count f times as much as others, all others are weighed down, text among them;
the most raised cluster keeps its weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.identity import fingerprint
from ops.core.spherical import nearest
from ops.core.vectors import unit


@dataclass(frozen=True, slots=True)
class Raising:
    """The clusters of an audited checkpoint: `names`; `factors`, how many times as much each counts as one that is not
    raised; `centres` (k, d), unit vectors of the `encoder` about `mean` (d)."""

    checkpoint: str
    encoder: str
    names: tuple[str, ...]
    factors: tuple[float, ...]
    mean: np.ndarray
    centres: np.ndarray

    @classmethod
    def of(cls, checkpoint: str, encoder: str, clusters: Sequence[tuple[str, float, np.ndarray]]) -> "Raising":
        """From the name of each cluster, its factor, and the vectors (n, d; at least one) of its pictures."""
        names, factors, vectors = zip(*clusters, strict=True)
        mean = np.concatenate(vectors).mean(axis=0, dtype=np.float64)
        middles = np.stack([unit(own - mean).sum(axis=0) for own in vectors])
        return cls(checkpoint, encoder, tuple(names), tuple(factors), mean, unit(middles))

    @property
    def identity(self) -> str:
        """What a version pins of it."""
        return fingerprint(self.checkpoint, self.encoder, list(self.names), list(self.factors))

    @property
    def raised(self) -> dict[str, float]:
        """By name, the factors of the clusters that are raised."""
        return {name: factor for name, factor in zip(self.names, self.factors, strict=True) if factor > 1}

    @property
    def rest(self) -> float:
        """By what the weight of an example is multiplied that shows no picture of a raised cluster."""
        return 1 / max(self.factors)

    def shares(self, vectors: np.ndarray) -> np.ndarray:
        """By what the weight of an example is multiplied that shows such a picture: of vectors (n, d), n of them."""
        cluster, _ = nearest(unit(vectors - self.mean), self.centres)
        return np.array(self.factors)[cluster] * self.rest
