"""Rows of turns and dialogues of deliveries that were read before there were such tables, or by other rules: made on
demand, from the examples."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.schemas import EXAMPLES, TableSpec
from ops.text.turn_rows import READ, TURN_RULES, turn_rows, turns_of
from resources.engines.spark_tables import read_frame, write_frame
from resources.lake.tables import Lake


def fill_turns(spark: SparkSession, lake: Lake, spec: TableSpec, deliveries: Sequence[str]) -> None:
    """Makes the rows of one of TURN_TABLES of those of the deliveries that lack them."""
    names = {turns_of(delivery): delivery for delivery in deliveries}
    for once in sorted(names.keys() - lake.committed_of(spec, names)):
        examples = read_frame(spark, lake, EXAMPLES, where={"delivery": names[once]}, columns=list(READ))
        rows = examples.mapInArrow(partial(_rows, name=spec.name), from_arrow_schema(spec.schema))
        partition = {"delivery": names[once], "rules": TURN_RULES}
        write_frame(rows.drop(*spec.partition_by), lake, spec, partition=partition, once=once)


def _rows(batches: Iterable[pa.RecordBatch], *, name: str) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from turn_rows(batch)[name].to_batches()
