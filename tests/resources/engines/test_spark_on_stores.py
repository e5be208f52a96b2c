"""Spark on a lake in an object store: no jar, and no disk that its workers share."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ops.core.schemas import QUARANTINE
from ops.core.tables import TABLES
from resources.engines.spark_tables import read_frame, write_frame
from resources.lake.tables import Lake
from tests.support.buckets import make_bucket
from tests.support.tables import quarantine

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    make_bucket(f"http://{host}:{port}/spark")
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    yield Lake("s3://spark/lake", keys | {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ALLOW_HTTP": "true"})
    server.stop()


def in_order(rows: pa.Table) -> list[str]:
    return sorted(map(str, rows.to_pylist()))


def test_workers_read_what_the_driver_named_and_no_more(spark: SparkSession, lake: Lake) -> None:
    for delivery in ("a", "b"):
        lake.write(QUARANTINE, quarantine(delivery, 50), partition={"delivery": delivery}, once=delivery)
    frame = read_frame(spark, lake, QUARANTINE, columns=["row", "delivery"])
    assert frame.columns == ["row", "delivery"]
    lake.write(QUARANTINE, quarantine("c", 50), partition={"delivery": "c"}, once="c")
    assert frame.count() == 100  # the version that was named
    assert read_frame(spark, lake, QUARANTINE).count() == 150
    chosen = read_frame(spark, lake, QUARANTINE, where={"delivery": ["b", "c"], "row": [3, 5]}, columns=["delivery"])
    assert sorted(row["delivery"] for row in chosen.collect()) == ["b", "b", "c", "c"]
    everything = read_frame(spark, lake, QUARANTINE, where={"delivery": "a"}).toArrow()
    assert in_order(everything) == in_order(lake.read(QUARANTINE, where={"delivery": "a"}))
    for spec in (TABLES["examples"], TABLES["embeddings"]):
        assert read_frame(spark, lake, spec).columns == spec.schema.names


def test_workers_write_and_their_receipts_are_committed(spark: SparkSession, lake: Lake) -> None:
    rows = quarantine("w", 1000)
    frame = spark.createDataFrame(rows).repartition(3)
    assert write_frame(frame, lake, QUARANTINE, partition={"delivery": "w"}, once="w")
    assert not write_frame(frame, lake, QUARANTINE, partition={"delivery": "w"}, once="w")
    assert in_order(lake.read(QUARANTINE, where={"delivery": "w"})) == in_order(rows)
