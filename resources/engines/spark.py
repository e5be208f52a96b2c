"""Spark: one local session a process, or a cluster's, and the way in and out of the lake.

Spark reads and writes plain Parquet files; which files make up a table, and when new ones become part of it, is the
lake's to say. So Spark needs no extra jar.
"""

import os
import re
import sys
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyspark.errors import PySparkRuntimeError
from pyspark.sql import DataFrame, DataFrameReader, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.errors import EngineError
from ops.core.schemas import TableSpec
from resources.config.places import local_path
from resources.config.spark_settings import SparkSettings
from resources.engines.java import require_java
from resources.engines.private import passing_folder
from resources.lake.files import LakeError
from resources.lake.tables import Lake

#: What Spark takes for patterns in the paths that it reads.
_PATTERN = re.compile(r"([\[\]{}*?\\])")
_LOG_FILE = Path(__file__).with_name("spark_log4j2.properties")
_CONF_FOLDER = Path(__file__).with_name("spark_conf")


def start_spark(settings: SparkSettings | None = None) -> SparkSession:
    """The process's Spark session, started on the first call; later calls return it whatever their settings.

    Raises EngineError with the fix where no Java that Spark runs on is found.
    """
    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    settings = settings or SparkSettings()
    os.environ["JAVA_HOME"] = str(require_java().home)
    os.environ.setdefault("SPARK_LOCAL_IP", settings.driver_host)
    if "SPARK_HOME" not in os.environ:  # a Spark of one's own has its own folder of settings
        os.environ.setdefault("SPARK_CONF_DIR", str(_CONF_FOLDER))
    # Ray or an outer Spark may have set it for their own workers; ours need the packages of this very interpreter.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("assay")
    for name, value in _options(settings).items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise EngineError(
            f"Spark did not start with {os.environ['JAVA_HOME']} and spark.memory {settings.memory}: {error}. "
            "Its own message stands above; too little memory is the usual cause"
        ) from error


def _scratch() -> str:
    return str(passing_folder("spark-"))


def _options(settings: SparkSettings) -> dict[str, str]:
    scratch = [str(local_path(folder, "spark.scratch")) for folder in settings.scratch_folders()]
    return {
        "spark.master": settings.master or f"local[{settings.cores or '*'}]",
        "spark.driver.memory": settings.memory,
        "spark.driver.host": settings.driver_host,
        "spark.driver.bindAddress": settings.driver_host,
        "spark.driver.extraJavaOptions": " ".join(
            (
                f"-Dlog4j2.configurationFile=file:{_LOG_FILE} -Duser.timezone=UTC",
                *(("-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",) if settings.quick_start else ()),
            )
        ),
        "spark.ui.enabled": "false",
        # Within one process Spark makes up a secret by itself, and speaks to nobody on its ports who lacks it.
        **({} if settings.master else {"spark.authenticate": "true"}),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # By default only a batch's rows are bounded, and rows may hold vectors.
        "spark.sql.execution.arrow.maxBytesPerBatch": "64m",
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        # The lake names a table's files one by one; looking at them needs no Spark job.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
        # What spills is of the corpus; Spark lets everyone read it.
        **({} if settings.master and not scratch else {"spark.local.dir": ",".join(scratch) or _scratch()}),
        **(settings.options or {}),
    }


def read_frame(
    spark: SparkSession,
    lake: Lake,
    spec: TableSpec,
    *,
    where: Mapping[str, object] | None = None,
    version: int | None = None,
) -> DataFrame:
    """A table of the lake with exactly the lake's columns and types, empty where nothing was written.

    `where` maps columns to a value or a list of values; on partition columns it leaves whole files unread.
    """
    schema = from_arrow_schema(spec.schema)
    pruning = {column: wanted for column, wanted in (where or {}).items() if column in spec.partition_by}
    files = lake.files(spec, where=pruning, version=version)
    if not files:
        return spark.createDataFrame([], schema)
    base = f"{lake.root}/{spec.name}"
    frame = _reader(spark).schema(schema).option("basePath", base).parquet(*map(_literal, files))
    frame = frame.select(*spec.schema.names)
    for column, wanted in (where or {}).items():
        values = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
        frame = frame.where(F.col(column).isin(values) if values else F.lit(False))
    return frame


def write_frame(
    frame: DataFrame, lake: Lake, spec: TableSpec, *, partition: Mapping[str, str | int], once: str
) -> bool:
    """Writes the frame as the given partition of a table, from the workers, and commits it; False, and no work done,
    where `once` was committed before.

    LakeError, and no commit, where the files that are to be seen from here hold other than the rows that the workers
    wrote: a worker that does not see the lake's folder writes into one of its own.
    """
    if lake.committed(spec, once):
        return False
    folder = lake.folder(spec, partition)
    rows = _conform(frame, spec, partition)
    # The workers count as they write; of a task that is run again its last run counts.
    written = Observation()
    rows.observe(written, F.count(F.lit(1)).alias("rows")).write.parquet(folder)
    addresses = _reader(frame.sparkSession).schema(rows.schema).parquet(_literal(folder)).inputFiles()
    # Spark gives addresses; of local files the lake wants paths.
    paths = [unquote(urlsplit(a).path) if a.startswith("file:") else a for a in sorted(addresses)]
    staged = lake.adopt(spec, paths, partition) if paths else []
    arrived, sent = sum(file.rows for file in staged), written.get["rows"]
    if arrived != sent:
        raise LakeError(
            f"{spec.name}: Spark's workers wrote {sent} rows, the files in {folder} hold {arrived}. Nothing was "
            "committed. Every worker must see the lake at this very path, on storage that all of them share"
        )
    return lake.commit(spec, staged, once=once)


def _reader(spark: SparkSession) -> DataFrameReader:
    """A reader that never passes over a file that is gone or broken, whatever the session's options."""
    return spark.read.option("ignoreMissingFiles", "false").option("ignoreCorruptFiles", "false")


def _literal(path: str) -> str:
    """The path for a reader, to whom it would be a pattern."""
    return _PATTERN.sub(r"\\\1", path)


def _conform(frame: DataFrame, spec: TableSpec, partition: Mapping[str, str | int]) -> DataFrame:
    wanted = [field for field in from_arrow_schema(spec.schema).fields if field.name not in partition]
    promised, came = {field.name for field in wanted}, set(frame.columns) - set(partition)
    if promised != came:
        raise ValueError(
            f"{spec.name}: promised {sorted(promised)}; missing {sorted(promised - came)}, "
            f"unknown {sorted(came - promised)}. Make the frame's columns those of the table"
        )
    return reduce(
        lambda f, field: f.withColumn(field.name, F.col(field.name).cast(field.dataType)), wanted, frame
    ).select(*(field.name for field in wanted))
