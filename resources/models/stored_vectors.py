"""Vectors of the lake: which contents have one, and those of given contents."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Literal

import numpy as np
import pyarrow as pa

from ops.core.arrow import column_values
from ops.core.schemas import EMBEDDINGS
from ops.core.vectors import Vectors
from resources.lake.lookup import among
from resources.lake.tables import Lake

Modality = Literal["image", "text"]


def load_vectors(lake: Lake, encoder: str, modality: Modality, ids: Iterable[str]) -> Vectors:
    """Vectors of those of the ids that are embedded. Streams the table; holds the wanted vectors alone."""
    wanted = set(ids)
    known: list[str] = []
    parts: list[np.ndarray] = []
    for batch in _embedded(lake, encoder, modality, ["content_id", "vector"]):
        rows = among(batch, "content_id", wanted)
        if rows.num_rows:
            known += column_values(rows, "content_id", str)
            data = b"".join(column_values(rows, "vector", bytes))
            parts.append(np.frombuffer(data, "<f2").reshape(rows.num_rows, -1))
    return Vectors.of(known, np.concatenate(parts) if parts else np.zeros((0, 0), np.float16))


def embedded_ids(lake: Lake, encoder: str, modality: Modality, ids: AbstractSet[str]) -> set[str]:
    """Those of the ids that have a vector by this encoder."""
    known: set[str] = set()
    for batch in _embedded(lake, encoder, modality, ["content_id"]):
        known.update(ids & set(column_values(batch, "content_id", str)))
    return known


def _embedded(lake: Lake, encoder: str, modality: Modality, columns: list[str]) -> Iterator[pa.RecordBatch]:
    yield from lake.batches(EMBEDDINGS, where={"encoder": encoder, "modality": modality}, columns=columns)
