"""Answers that are rejected responses in other words, by the encoder's vectors."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import AnyArray, column_of, column_values, flags, list_at, struct_values, values_of, values_where
from ops.corpus.vectors import matrix, with_vectors

_NEAR = pa.schema(
    [
        ("image_key", pa.string()),
        ("text", pa.string()),
        ("judged_text", pa.string()),
        ("cosine", pa.float64()),
        ("chosen_cosine", pa.float64()),
    ]
)
_TEXT = ["image_key", "text"]


def nearest_rejected(
    turns: DataFrame, judged: DataFrame, embeddings: DataFrame, *, near: float, lead: float
) -> DataFrame:
    """Texts about an image (`image_key`, `text`: an id of ops.core.identity) whose vector lies near that of a rejected
    response (`judged_text`) to the same image and clearly nearer than to each chosen one, with both cosines.

    The distance (1 less the cosine) to the nearest chosen response must exceed that to the rejected one by `lead` times
    the latter. Where nothing was chosen there is nothing to compare with, and no text is named. `judged` has image_key,
    judged_text and is_bad. All vectors about one image are held at once; the caller bounds how many there are.
    """
    compared = judged.groupBy("image_key").agg(F.max("is_bad").alias("bad"), F.min("is_bad").alias("all_bad"))
    images = compared.where("bad AND NOT all_bad").select("image_key")
    answers = with_vectors(turns.select(*_TEXT).distinct(), embeddings, modality="text", vector="text")
    sides = judged.select("image_key", "judged_text", "is_bad").distinct().join(images, "image_key", "left_semi")
    responses = with_vectors(sides, embeddings, modality="text", vector="judged_text")
    packed = _packed(answers.join(images, "image_key", "left_semi"), "answers", "text").join(
        _packed(responses, "responses", "judged_text", "is_bad"), "image_key"
    )
    return packed.mapInArrow(partial(_nearest, near=near, lead=lead), from_arrow_schema(_NEAR))


def _packed(texts: DataFrame, name: str, *columns: str) -> DataFrame:
    """One row for each image, with its texts that have a vector, in order."""
    known = texts.where("vector IS NOT NULL")
    return known.groupBy("image_key").agg(F.array_sort(F.collect_list(F.struct(*columns, "vector"))).alias(name))


def _nearest(batches: Iterable[pa.RecordBatch], *, near: float, lead: float) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows: list[dict[str, str | float]] = []
        # One image at a time, for a batch of them would be large as lists of Python.
        for n, image in enumerate(column_values(batch, "image_key", str)):
            answers, responses = (list_at(column_of(batch, name), n) for name in ("answers", "responses"))
            rows += [{"image_key": image, **row} for row in _of_image(answers, responses, near=near, lead=lead)]
        yield pa.RecordBatch.from_pylist(rows, schema=_NEAR)


def _of_image(answers: AnyArray, responses: AnyArray, *, near: float, lead: float) -> Iterator[dict[str, str | float]]:
    is_bad = flags(struct_values(responses, "is_bad"))
    if is_bad.all() or not is_bad.any():
        return
    vectors = [matrix(struct_values(rows, "vector"))[0] for rows in (answers, responses)]
    alike = np.round(vectors[0] @ vectors[1].T, 6)
    bad, chosen = alike[:, is_bad], alike[:, ~is_bad].max(axis=1)
    texts = values_of(struct_values(answers, "text"), str)
    names = values_of(values_where(struct_values(responses, "judged_text"), pa.array(is_bad)), str)
    best = bad.argmax(axis=1)
    nearest = bad[np.arange(len(bad)), best]
    ahead = nearest - chosen
    for at in np.flatnonzero((nearest >= near) & (ahead > 0) & (ahead >= lead * (1 - nearest))):
        yield {
            "text": texts[at],
            "judged_text": names[best[at]],
            "cosine": float(nearest[at]),
            "chosen_cosine": float(chosen[at]),
        }
