"""Vectors beside the texts and images of a frame."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.core import identity
from ops.corpus.vectors import cosines, matrix, text_id, with_vectors

TEXTS = ["", "a dog", "Ünïcode “query”\u200b?", "日本", "\U0001f600 x", "a" * 300, "line\nbreak", "\x00null"]


def binary(rows: np.ndarray) -> list[bytes]:
    return [row.astype("<f2").tobytes() for row in rows]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=20, max_size=60))
def test_text_ids_are_those_of_python(spark: SparkSession, texts: list[str]) -> None:
    texts_or_null = [*TEXTS, *texts, None]
    frame = spark.createDataFrame(pa.table({"text": pa.array(texts_or_null, pa.string())}))
    named = frame.select("text", text_id(F.col("text")).alias("id")).toArrow().to_pylist()
    assert len(named) == len(texts_or_null)
    assert all(row["id"] == (None if row["text"] is None else identity.text_id(row["text"])) for row in named)


def test_vectors_stand_beside_the_ids_that_have_one(spark: SparkSession) -> None:
    vectors = binary(np.eye(3))
    stored = {"content_id": ["a", "b", "a"], "modality": ["text", "text", "image"], "vector": vectors}
    frame = spark.createDataFrame(pa.table({"one": ["a", "b", "c"], "other": ["b", None, "a"]}))
    joined = with_vectors(frame, spark.createDataFrame(pa.table(stored)), modality="text", left="one", right="other")
    rows = {row["one"]: (row["left"], row["right"]) for row in joined.toArrow().to_pylist()}
    assert rows == {"a": (vectors[0], vectors[1]), "b": (vectors[1], None), "c": (None, vectors[0])}


def test_cosines_of_pairs_and_of_what_is_missing() -> None:
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1]])
    result = cosines(pa.array([*binary(rows), None]), pa.array([*binary(rows[::-1]), binary(rows)[0]]))
    assert result[:3] == pytest.approx([0, 1, 0], abs=1e-3)
    assert np.isnan(result[3])
    assert np.isnan(cosines(pa.array([None], pa.binary()), pa.array([None], pa.binary()))).all()
    assert matrix(pa.array([], pa.binary()))[0].shape == (0, 0)
