"""Judgements that their own rationale contradicts."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import rows_of
from ops.core.canonical import response_key
from ops.core.json_values import Cell
from ops.core.stored import StoredExample
from ops.core.turns import CANDIDATE_ROLES, message_text
from ops.corpus.judgements import KEYS, label_side, rating_side
from ops.text.rationales import MENTIONS, Stated, rationales

_PLACE = ["delivery", "example_id", "response_key"]
_STATED = pa.schema(
    [
        *((name, pa.string()) for name in (*_PLACE, "who")),
        *((name, pa.float64()) for name in ("stated", "scale", "beside")),
        ("against", pa.bool_()),
    ]
)


def against_rationale(preferences: DataFrame, examples: DataFrame) -> DataFrame:
    """Keys of the judgements whose rationale, in the metadata of their row, states a rating on the other side of the
    middle of the scale than the rating that was recorded (where none was, than the label good or bad), or says that the
    rejected response is the better one."""
    spoken = examples.where(F.col("metadata").rlike(MENTIONS)).where("kind = 'preference'")
    statements = spoken.select("delivery", "example_id", "messages", "metadata").mapInArrow(
        _stated, from_arrow_schema(_STATED)
    )
    judged = preferences.select(*KEYS, "response_key", "label", "rating", "rating_scale", "annotator").join(
        statements, _PLACE
    )
    ours = judged.where("who IS NULL OR annotator IS NULL OR who = annotator")
    stated = rating_side(F.col("stated"), F.coalesce("scale", "rating_scale"))
    rated = rating_side(F.coalesce("beside", "rating"), F.coalesce("rating_scale", "scale"))
    is_other = stated * F.coalesce(rated, label_side()) < 0
    is_against = F.col("against") & F.col("label").isin("chosen", "rejected")
    return ours.where(is_other | is_against).select(*KEYS)


def _stated(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [row for example in rows_of(batch, StoredExample) for row in _of(example)]
        yield pa.RecordBatch.from_pylist(rows, schema=_STATED)


def _of(example: StoredExample) -> Iterator[dict[str, Cell]]:
    messages = [message for message in example["messages"] or () if message["role"] in CANDIDATE_ROLES]
    for statement in rationales(example["metadata"]):
        for place, message in enumerate(messages):
            # What is said of no response in particular is said of the only one.
            is_meant = statement.place in (place, message["role"]) or (statement.place is None and len(messages) == 1)
            if statement.against or is_meant:
                yield {
                    "delivery": example["delivery"],
                    "example_id": example["example_id"],
                    "response_key": response_key(message_text(message)),
                    **_figures(statement),
                }


def _figures(statement: Stated) -> dict[str, Cell]:
    return {
        "who": statement.annotator,
        "stated": statement.rating,
        "scale": statement.scale,
        "beside": statement.beside,
        "against": statement.against,
    }
