"""Keys of what audits compare, of deliveries that an audit reads for the first time: made from what was delivered."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from ops.audits.contract import StoredKeys
from ops.core.arrow_types import fields
from ops.core.canonical import RULES
from resources.engines.spark_tables import read_frame, write_frame
from resources.lake.tables import Lake


def keys_table(
    spark: SparkSession, lake: Lake, keys: StoredKeys, settings: Any, columns: Sequence[str], deliveries: Sequence[str]
) -> DataFrame:
    """The keys of the deliveries' rows by these settings of the audit; those that the lake lacks are made."""
    rules = keys.rules(settings, RULES)
    names = {f"{delivery}/{rules}": delivery for delivery in deliveries}
    for once in sorted(names.keys() - lake.committed_of(keys.spec, names)):
        _fill(spark, lake, keys, settings, partition={"delivery": names[once], "rules": rules}, once=once)
    return read_frame(spark, lake, keys.spec, where={"delivery": list(deliveries), "rules": rules}, columns=columns)


def _fill(
    spark: SparkSession, lake: Lake, keys: StoredKeys, settings: Any, *, partition: dict[str, str | int], once: str
) -> None:
    def rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (keys.rows(batch, settings) for batch in batches)

    where = {"delivery": partition["delivery"]}
    delivered = read_frame(spark, lake, keys.made_from, where=where, columns=keys.columns)
    schema = pa.schema(fields(keys.spec.schema, *(name for name in keys.spec.schema.names if name != "rules")))
    made = delivered.mapInArrow(rows, from_arrow_schema(schema)).drop("delivery")
    write_frame(made, lake, keys.spec, partition=partition, once=once)
