"""Every corpus-scope audit keeps the promises of ops/audits/contract.py, on a real Spark.

What an audit makes of the samples is measured once for all tests: on data this small, each measurement is the time
that Spark takes to plan and to compile."""

from functools import cache

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from ops.audits.contract import KEYS, Audit, Scope
from ops.audits.registry import audits_of
from tests.support.hostile import BARE, TRYING, bold, outside
from tests.support.prompt_examples import prompts_of
from tests.support.samples import (
    sample_embeddings,
    sample_examples,
    sample_images,
    sample_preferences,
)

pytestmark = pytest.mark.full

AUDITS = [pytest.param(audit, id=audit.name) for audit in audits_of(Scope.CORPUS)]
EXAMPLES = sample_examples()
TABLES = {
    "examples": EXAMPLES,
    "preferences": sample_preferences(EXAMPLES),
    "prompts": prompts_of(EXAMPLES),
    "images": sample_images(EXAMPLES),
    "embeddings": sample_embeddings(EXAMPLES),
    "arrivals": pa.Table.from_pylist([{"delivery": EXAMPLES["delivery"][0].as_py(), "arrival": 0}]),
}


@cache
def measured(spark: SparkSession, audit: Audit, *, reverse: bool = False, rows: int | None = None) -> pa.Table:
    """The audit's measures in order of their keys; `reverse` also spreads the rows over other partitions."""
    frames: dict[str, DataFrame] = {}
    for name in audit.reads:
        table = TABLES[name].slice(0, rows)
        frame = spark.createDataFrame(table.take(list(range(table.num_rows))[::-1]) if reverse else table)
        frames[name] = frame.repartition(3) if reverse else frame
    found = audit.measure(frames, audit.settings).toArrow()
    return found.sort_by([(key, "ascending") for key in KEYS[audit.grain].names])


@pytest.mark.parametrize("audit", AUDITS)
def test_schema_and_keys_are_as_promised(spark: SparkSession, audit: Audit) -> None:
    rows = measured(spark, audit)
    assert rows.schema.names == audit.schema.names
    assert rows.cast(audit.schema).schema == audit.schema
    keys = [tuple(row.values()) for row in rows.select(KEYS[audit.grain].names).to_pylist()]
    assert len(set(keys)) == len(keys)
    assert all(value is not None for key in keys for value in key)
    assert set(rows["example_id"].to_pylist()) <= set(EXAMPLES["example_id"].to_pylist())


@pytest.mark.parametrize("audit", AUDITS)
def test_empty_input_gives_no_rows(spark: SparkSession, audit: Audit) -> None:
    rows = measured(spark, audit, rows=0)
    assert rows.schema.names == audit.schema.names
    assert rows.num_rows == 0


@pytest.mark.parametrize("audit", AUDITS)
@pytest.mark.parametrize("delivery", ["one row", "text alone", "images alone", *TRYING])
def test_bare_and_hostile_deliveries_keep_to_the_ranges(spark: SparkSession, audit: Audit, delivery: str) -> None:
    tables = (BARE | TRYING)[delivery].tables()
    found = audit.measure({name: spark.createDataFrame(tables[name]) for name in audit.reads}, bold(audit)).toArrow()
    rows = found.select(audit.schema.names).cast(audit.schema)
    assert list(outside(audit, rows)) == []
    assert set(rows["example_id"].to_pylist()) <= set(tables["examples"]["example_id"].to_pylist())


@pytest.mark.parametrize("audit", AUDITS)
def test_order_and_partitioning_do_not_matter(spark: SparkSession, audit: Audit) -> None:
    assert measured(spark, audit).to_pylist() == measured(spark, audit, reverse=True).to_pylist()
