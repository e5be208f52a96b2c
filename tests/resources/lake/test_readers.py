"""Readers that know nothing of this code read every table of the lake with the types of its spec, also where older
files lack a column: DuckDB and Spark the Parquet files that the lake names, Polars and delta-rs the Delta table.

DuckDB's and Spark's own Delta readers are an extension and a jar that no Python package brings: not tried."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from ops.audits.registry import all_audits
from ops.core.schemas import TableSpec
from ops.core.tables import TABLES
from resources.lake.tables import Lake

SPECS = [*TABLES.values(), *(audit.table for audit in all_audits().values())]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 7


def value_of(kind: pa.DataType, number: int) -> object:
    """Some value of the type; null for every third number."""
    if number % 3 == 2:
        return None
    if isinstance(kind, pa.StructType):
        return {field.name: value_of(field.type, number) for field in kind}
    if isinstance(kind, pa.ListType):
        return [value_of(kind.value_type, number)] * (number % 2 + 1)
    if pa.types.is_timestamp(kind):
        return EPOCH + timedelta(seconds=number)
    if pa.types.is_boolean(kind):
        return number % 2 == 0
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return bytes([number])
    return f"été {number} 猫" if pa.types.is_string(kind) else number


def fill(lake: Lake, spec: TableSpec, part: int) -> pa.Table:
    """Write a file of the table, all of one partition; returns its rows."""
    partition = {name: part if name == "version" else f"été {part}" for name in spec.partition_by}
    rows = [{field.name: value_of(field.type, n) for field in spec.schema} | partition for n in range(ROWS)]
    table = pa.Table.from_pylist(rows, schema=spec.schema)
    lake.write(spec, table, partition=partition, once=f"part {part}")
    return table


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict[str, pa.Table]]:
    """A lake with two files of every table, the older of which lacks the last column; and its rows."""
    lake, expected = Lake(tmp_path_factory.mktemp("readers")), dict[str, pa.Table]()
    for spec in SPECS:
        last = next(name for name in reversed(spec.schema.names) if name not in spec.partition_by)
        older = replace(spec, schema=spec.schema.remove(spec.schema.get_field_index(last)))
        parts = [fill(lake, older, 0), fill(lake, spec, 1)]
        expected[spec.name] = pa.concat_tables(parts, promote_options="default").select(spec.schema.names)
    return lake, expected


def by_duckdb(lake: Lake, spec: TableSpec, spark: SparkSession) -> pa.Table:
    files = duckdb.read_parquet(lake.files(spec), union_by_name=True, hive_partitioning=bool(spec.partition_by))
    return files.to_arrow_table()


def by_polars(lake: Lake, spec: TableSpec, spark: SparkSession) -> pa.Table:
    return pl.scan_delta(f"{lake.root}/{spec.name}").collect().to_arrow()


def by_delta_rs(lake: Lake, spec: TableSpec, spark: SparkSession) -> pa.Table:
    builder = QueryBuilder().register("stored", DeltaTable(f"{lake.root}/{spec.name}"))
    return pa.table(builder.execute("select * from stored").read_all())


def by_spark(lake: Lake, spec: TableSpec, spark: SparkSession) -> pa.Table:
    reader = spark.read.option("mergeSchema", True).option("basePath", f"{lake.root}/{spec.name}")
    return reader.parquet(*lake.files(spec)).toArrow()


@pytest.mark.parametrize("reader", [by_duckdb, by_polars, by_delta_rs, pytest.param(by_spark, marks=pytest.mark.full)])
def test_others_read_every_table(
    stored: tuple[Lake, dict[str, pa.Table]],
    reader: Callable[[Lake, TableSpec, SparkSession], pa.Table],
    spark: SparkSession,
) -> None:
    lake, expected = stored
    for spec in SPECS:
        rows = reader(lake, spec, spark)
        assert set(rows.column_names) == set(spec.schema.names), spec.name
        as_spec = rows.select(spec.schema.names).cast(spec.schema)
        assert sorted(map(repr, as_spec.to_pylist())) == sorted(map(repr, expected[spec.name].to_pylist())), spec.name
