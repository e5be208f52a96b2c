"""Vectors of the lake: which contents have one, and those of given contents."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pyarrow as pa

from ops.core.arrow import column_values
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.vectors import Vectors
from resources.lake.lookup import one_each
from resources.lake.tables import Lake

Modality = Literal["image", "text"]


def load_vectors(lake: Lake, encoder: str, modality: Modality, ids: Iterable[str]) -> Vectors:
    """Vectors of those of the ids that are embedded; reads no others."""
    rows = one_each(_embedded(lake, encoder, modality, ids, ["content_id", "vector"]), "content_id")
    data = b"".join(column_values(rows, "vector", bytes))
    matrix = np.frombuffer(data, "<f2").reshape(rows.num_rows, -1) if rows.num_rows else np.zeros((0, 0), np.float16)
    return Vectors.of(column_values(rows, "content_id", str), matrix)


def embedded_ids(lake: Lake, encoder: str, modality: Modality, ids: Iterable[str]) -> set[str]:
    """Those of the ids that have a vector by this encoder."""
    return set(column_values(_embedded(lake, encoder, modality, ids, ["content_id"]), "content_id", str))


def _embedded(lake: Lake, encoder: str, modality: Modality, ids: Iterable[str], columns: list[str]) -> pa.Table:
    where = {"encoder": encoder, "modality": modality, "content_id": list(ids)}
    return lake.read(EMBEDDINGS, where=where, columns=columns)
