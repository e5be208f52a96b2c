"""Spherical k-means: directions that unit vectors gather about (Dhillon and Modha, 2001).

Products are rounded before they are compared, so that the number of cores does not decide which is larger. No chance is
in it: centres start where the caller says. scikit-learn's k-means keeps means that are no directions.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np

from ops.core.vectors import unit

_DIGITS = 9
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Gathering:
    """What vectors gather about: `centres` (k, d; unit) of their directions about their `mean` (d), and the `cluster`
    (n) of each vector."""

    cluster: np.ndarray
    centres: np.ndarray
    mean: np.ndarray

    @classmethod
    def of(
        cls, vectors: np.ndarray, *, each: int, most: int, fewest: int, earlier: "Gathering | None" = None
    ) -> "Gathering":
        """Of vectors (n, d) a cluster for `each` of them, at most `most`, at least one. Where fewer than `fewest`
        gather, the next cluster takes them. Those of an `earlier` gathering, of other vectors, are gone on from."""
        mean = vectors.mean(axis=0, dtype=np.float64) if earlier is None else earlier.mean
        own = directions(vectors, mean)
        number = min(most, max(1, len(own) // each))
        known = own[:0] if earlier is None else earlier.centres[:number]
        first = np.concatenate([known, far_apart(own, number - len(known), beside=known)])
        middles = centres(own, first, rounds=_ROUNDS)
        sizes = np.bincount(nearest(own, middles)[0], minlength=len(middles))
        middles = middles[sizes >= min(fewest, sizes.max())]
        return cls(nearest(own, middles)[0], middles, mean)

    def typical(self, vectors: np.ndarray, texts: Sequence[str], given: Mapping[int, str] | None = None) -> list[str]:
        """A name for each cluster (k): that which it is `given`, else of the texts (n) of its vectors, those nearest to
        its centre first, the first that no other cluster is called."""
        own = directions(vectors, self.mean)
        names = dict(given or {})
        for place, centre in enumerate(self.centres):
            if place not in names:
                members = np.flatnonzero(self.cluster == place)
                near = members[np.argsort(-(own[members] @ centre), kind="stable")]
                names[place] = _unused([texts[int(at)] for at in near], names.values())
        return [names[place] for place in range(len(self.centres))]


def directions(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Unit vectors (n, d; float64) about the mean: where all vectors point one way, it would hide what they differ
    in."""
    return unit(vectors.astype(np.float64) - mean)


def _unused(texts: Sequence[str], taken: Collection[str]) -> str:
    numbered = (f"{texts[0]} ({number})" for number in count(2))
    return next(name for name in chain(dict.fromkeys(texts), numbered) if name not in taken)


def centres(sample: np.ndarray, first: np.ndarray, *, rounds: int) -> np.ndarray:
    """The unit vectors (k, d; float64) that those of the sample (n, d) gather about, from `first` (k, d) on, after so
    many rounds or when nothing moves any more. A centre that nothing is nearest to stays."""
    present = unit(first)
    for _ in range(rounds if len(present) else 0):
        cluster, _ = nearest(sample, present)
        order = np.argsort(cluster, kind="stable")
        named, starts = np.unique(cluster[order], return_index=True)
        moved = present.copy()
        moved[named] = np.round(unit(np.add.reduceat(sample[order], starts, axis=0)), _DIGITS)
        if (moved == present).all():
            break
        present = moved
    return present


def far_apart(vectors: np.ndarray, count: int, *, beside: np.ndarray | None = None) -> np.ndarray:
    """At most `count` of the unit vectors (n, d): the first one, and each time the one that is farthest from all those
    chosen before it; where there are others `beside` them (m, d), farthest from these, too."""
    count = min(count, len(vectors))
    if count < 1:
        return vectors[:0]
    near = beside is not None and len(beside) > 0
    chosen = [] if near else [0]
    closest = (vectors @ beside.T).max(axis=1) if beside is not None and near else vectors @ vectors[0]
    for _ in range(count - len(chosen)):
        chosen.append(int(np.argmin(closest)))
        closest = np.maximum(closest, vectors @ vectors[chosen[-1]])
    return vectors[chosen]


def nearest(vectors: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre (n) of each unit vector, the first of those as near, and its cosine (n), rounded."""
    clusters, cosines = nearest_few(vectors, centres, 1)
    return clusters[:, 0], cosines[:, 0]


def nearest_few(vectors: np.ndarray, centres: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest centres (n, count) of each unit vector, the nearest first, or all where there are fewer, and
    their cosines, rounded; where there are none all is one cluster (n, 1)."""
    if not len(vectors) or not len(centres):
        return np.zeros((len(vectors), 1), dtype=np.int64), np.ones((len(vectors), 1))
    cosines = np.round(vectors @ centres.T, _DIGITS)
    rows, left = np.arange(len(cosines)), cosines.copy()
    places: list[np.ndarray] = []
    for _ in range(min(count, len(centres))):
        places.append(np.argmax(left, axis=1))
        left[rows, places[-1]] = -np.inf
    clusters = np.stack(places, axis=1)
    return clusters, cosines[rows[:, None], clusters]
