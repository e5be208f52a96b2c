"""What tests of a standalone Spark have done on the node of its driver, called by name (`Node.call`)."""

from typing import Any

from pyspark.sql import SparkSession

from ops.core.errors import AssayError
from ops.core.schemas import QUARANTINE
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark
from resources.engines.spark_tables import read_frame, write_frame
from tests.cluster.steps import opened
from tests.support.tables import quarantine

ROWS = 2000
_PARTITION = {"delivery": "a"}


def write(lake: str, settings: dict[str, Any], options: dict[str, str]) -> dict[str, object]:
    """Has workers write a table and read it again; `written` rows, `read` ones, the `error` where there was one, and
    the `hosts` of its executors."""
    spark = start_spark(SparkSettings(**settings | {"options": settings["options"] | options}))
    place = opened(lake)
    frame = spark.createDataFrame(quarantine("a", ROWS)).repartition(8)
    error, read = "", 0
    try:
        write_frame(frame, place, QUARANTINE, partition=_PARTITION, once="a")
        read = read_frame(spark, place, QUARANTINE, columns=["row"]).count()
    except AssayError as refusal:
        error = f"{type(refusal).__name__}: {refusal}"
    return {"written": place.read(QUARANTINE).num_rows, "read": read, "error": error, "hosts": hosts(spark)}


def hosts(spark: SparkSession) -> list[str]:
    """Addresses of the machines that executors run on."""
    context: Any = spark.sparkContext
    return sorted({info.host() for info in context._jsc.sc().statusTracker().getExecutorInfos()})
