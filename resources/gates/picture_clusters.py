"""Clusters of alike pictures that last, so that what a person signs of one still speaks of it the next night.

the sample of a candidate -> `picture_clusters`, a log

They are found once for an encoder and stay as they are until a sample holds twice as many pictures as they were found
among; then they are gone on from. A cluster that is still where one was keeps its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ops.core.log import Log, Row
from ops.core.spherical import Gathering, directions, nearest
from ops.core.version_schemas import PICTURE_CLUSTERS
from resources.lake.tables import Lake

_EACH, _MOST, FEWEST = 50, 16, 20
"""Pictures for each cluster, clusters at most, and pictures below which there are none."""
_SAME = 0.8  # cosine of two centres from which on they are of one cluster


@dataclass(frozen=True, slots=True)
class PictureClusters:
    """Clusters (k) with their `names` (k), found among so many `pictures`."""

    names: tuple[str, ...]
    gathering: Gathering
    pictures: int

    @classmethod
    def among(cls, vectors: np.ndarray, texts: Sequence[str], earlier: "PictureClusters | None") -> "PictureClusters":
        """Those of unit vectors (n, d) of pictures of which the texts (n) say something, from earlier ones on."""
        before = None if earlier is None else earlier.gathering
        gathering = Gathering.of(vectors, each=_EACH, most=_MOST, fewest=FEWEST, earlier=before)
        given = {} if earlier is None else earlier._kept(gathering.centres)
        return cls(tuple(gathering.typical(vectors, texts, given)), gathering, len(vectors))

    def nearest(self, vectors: np.ndarray) -> list[str]:
        """The name of the cluster of each vector (n, d)."""
        clusters, _ = nearest(directions(vectors, self.gathering.mean), self.gathering.centres)
        return [self.names[int(cluster)] for cluster in clusters]

    def _kept(self, centres: np.ndarray) -> dict[int, str]:
        """By place, the names of those of the centres (k, d) that are where these are, the nearest first."""
        cosines = np.round(self.gathering.centres @ centres.T, 9)
        names: dict[int, str] = {}
        for at in np.argsort(-cosines, axis=None, kind="stable").tolist():
            before, after = divmod(at, len(centres))
            if cosines[before, after] >= _SAME and after not in names and self.names[before] not in names.values():
                names[after] = self.names[before]
        return names


def lasting_clusters(lake: Lake, vectors: np.ndarray, texts: Sequence[str], *, encoder: str) -> PictureClusters:
    """Those of the encoder, by which pictures of these unit vectors (n, d) are to be told; `texts` (n) say what they
    show. They are found, and kept, where there are none, or of half as many pictures at most."""
    kept = _standing(Log.of(lake.read(PICTURE_CLUSTERS, where={"encoder": encoder})).rows)
    if kept is not None and len(vectors) < 2 * kept.pictures:
        return kept
    clusters = PictureClusters.among(vectors, texts, kept)
    lake.log(PICTURE_CLUSTERS, lambda _: _rows(clusters, encoder))
    return clusters


def _rows(clusters: PictureClusters, encoder: str) -> list[Row]:
    of: Row = {"at": datetime.now(UTC), "encoder": encoder, "pictures": clusters.pictures}
    mean = clusters.gathering.mean.astype("<f8").tobytes()
    pairs = zip(clusters.names, clusters.gathering.centres, strict=True)
    return [
        {**of, "cluster": place, "name": name, "centre": centre.astype("<f8").tobytes(), "mean": mean}
        for place, (name, centre) in enumerate(pairs)
    ]


def _standing(rows: Sequence[Row]) -> PictureClusters | None:
    """The last ones of these rows of the log."""
    if not rows:
        return None
    last = [row for row in rows if row["at"] == rows[-1]["at"]]
    centres = np.stack([np.frombuffer(row["centre"], "<f8") for row in last])
    gathering = Gathering(np.zeros(0, np.int64), centres, np.frombuffer(last[0]["mean"], "<f8"))
    return PictureClusters(tuple(row["name"] for row in last), gathering, last[0]["pictures"])
