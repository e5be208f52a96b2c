"""The encoder's vectors beside the texts and images of a frame, and how alike two of them are."""

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.core.arrow import Column as Vectors
from ops.core.arrow import values_or_nulls

_KIND = "text"


def text_id(text: Column) -> Column:
    """`ops.core.identity.text_id` of a column of texts, without a Python worker; null where the text is."""
    size = F.lpad(F.hex(F.octet_length(text)), 16, "0")
    little_endian = F.array_join(
        F.transform(F.sequence(F.lit(15), F.lit(1), F.lit(-2)), lambda at: size.substr(at, F.lit(2))), ""
    )
    kind = F.lit(len(_KIND).to_bytes(8, "little") + _KIND.encode())
    return F.sha2(F.concat(kind, F.unhex(little_endian), F.encode(text, "UTF-8")), 256).substr(1, 32)


def with_vectors(frame: DataFrame, embeddings: DataFrame, *, modality: str, **ids: str) -> DataFrame:
    """The frame with, for each `name="column"` of content ids, a column `name` of their vectors (`embeddings.vector`),
    null where an id is not embedded."""
    known = embeddings.where(F.col("modality") == modality)
    for name, column in ids.items():
        # Two writers may have stored a content twice.
        vectors = known.groupBy(F.col("content_id").alias(column)).agg(F.min("vector").alias(name))
        frame = frame.join(vectors, column, "left")
    return frame


def matrix(vectors: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """Stored vectors as (n, d) float64 with zeros where there is none, and which are there, (n,) bool.

    In float64, a product of two vectors does not depend on how many others are multiplied beside them, to the digits
    that measures keep.
    """
    stored = values_or_nulls(vectors, bytes)
    known = np.array([one is not None for one in stored], dtype=bool)
    values = np.frombuffer(b"".join(one for one in stored if one is not None), "<f2").astype(np.float64)
    rows = np.zeros((len(stored), len(values) // max(1, int(known.sum()))))
    rows[known] = values.reshape(-1, rows.shape[1]) if len(values) else 0.0
    return rows, known


def cosines(ones: Vectors, others: Vectors) -> np.ndarray:
    """Cosine of each pair of stored vectors (n,), rounded to 6 digits; not a number where either is missing."""
    (left, has_left), (right, has_right) = matrix(ones), matrix(others)
    cosine = np.full(len(has_left), np.nan)
    both = has_left & has_right
    cosine[both] = np.round((left[both] * right[both]).sum(axis=1), 6) if both.any() else 0.0
    return cosine
