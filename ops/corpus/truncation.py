"""Pairs whose difference is cut off before the model sees it."""

import re
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.canonical import canonical_response
from ops.corpus.judgements import KEYS

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SCHEMA = pa.schema([(name, pa.string()) for name in KEYS])


def identical_when_cut(preferences: DataFrame, *, training_tokens: int, image_tokens: int) -> DataFrame:
    """Comparisons of two different responses that are the same within the training length: the tokens that
    `training_tokens` leaves after the query and `image_tokens` for each image. Tokens are runs of letters and digits
    and single other characters. A length of 0 finds nothing."""
    rows = preferences.where("opponent IS NOT NULL AND label IN ('chosen', 'rejected')")
    if training_tokens <= 0:
        rows = rows.where("false")
    # A token is at least one character, so most pairs are settled without a look at their words.
    room = F.lit(training_tokens) - F.size("image_ids") * image_tokens - F.length("query")
    long = F.least(F.length("response"), F.length("opponent")) >= room
    wanted = rows.where(long & (F.col("response_key") != F.col("opponent_key")))

    def cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            identical = [
                {name: row[name] for name in KEYS}
                for row in batch.to_pylist()
                if _same_within(training_tokens - image_tokens * len(row["image_ids"] or ()), row)
            ]
            yield pa.RecordBatch.from_pylist(identical, schema=_SCHEMA)

    identical = wanted.select(*KEYS, "image_ids", "query", "response", "opponent").mapInArrow(
        cut, from_arrow_schema(_SCHEMA)
    )
    return identical.withColumn("is_identical_when_cut", F.lit(True))


def _same_within(room: int, row: dict[str, str]) -> bool:
    room = max(0, room - sum(1 for _ in _TOKEN.finditer(row["query"] or "")))
    return _head(row["response"], room) == _head(row["opponent"], room)


def _head(text: str, tokens: int) -> str:
    for place, match in enumerate(_TOKEN.finditer(text)):
        if place == tokens:
            return canonical_response(text[: match.start()])
    return canonical_response(text)
