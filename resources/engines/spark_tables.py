"""Spark's way in and out of the lake: the driver names parts of tables, workers read and write them.

Which files make up a table, and when new ones become part of it, is the lake's to say, so that Spark needs no jar.
Workers read by pyarrow, with the columns asked for, and stage what they make as every other worker does; the driver
commits what their receipts name, once all of it is there. From a local disk Spark's own reader reads: it hands rows to
Java several times as fast (benchmarks/RESULTS.md). Who does not see the files of that path fails in either way.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import column_values
from ops.core.arrow_types import fields
from ops.core.schemas import TableSpec
from resources.lake.files import LakeError
from resources.lake.parts import Part
from resources.lake.tables import Lake, StagedFile
from resources.lake.where import several_values

PART_ROWS = 200_000
"""Rows of a part that one task reads from an object store."""
RANGE_ROWS = 500_000
"""Rows of examples for each file, or few of them, of measures in order."""
_BATCH_ROWS = 10_000
_REFERENCE = "at int, part string"
_RECEIPTS = pa.schema([("receipt", pa.string())])
#: What Spark takes for patterns in the paths that it reads.
_PATTERN = re.compile(r"([\[\]{}*?\\])")
_HEX_DIGITS = 6


def read_frame(
    spark: SparkSession,
    lake: Lake,
    spec: TableSpec,
    *,
    where: Mapping[str, object] | None = None,
    columns: Sequence[str] | None = None,
    version: int | None = None,
) -> DataFrame:
    """A table of the lake with the lake's types, and of its columns those asked for (all where None), as it is now;
    empty where nothing was written.

    `where` maps columns to a value or a list of values; by partitions and statistics it leaves whole files unread.
    """
    names = list(spec.schema.names if columns is None else columns)
    schema = pa.schema(fields(spec.schema, *names))
    parts = lake.parts(spec, where=where, version=version, rows=None if lake.storage.local else PART_ROWS)
    if not parts:
        return spark.createDataFrame([], from_arrow_schema(schema))
    if lake.storage.local:
        return _from_disk(spark, lake, spec, parts, where or {}).select(*names)
    references = [(at, json.dumps(asdict(part))) for at, part in enumerate(parts)]
    spread = spark.createDataFrame(references, _REFERENCE).repartitionById(len(parts), "at")

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            wanted = [Part(**json.loads(part)) for part in column_values(batch, "part", str)]
            yield from lake.batches(spec, where=where, columns=names, parts=wanted, batch_rows=_BATCH_ROWS)

    return spread.mapInArrow(read, from_arrow_schema(schema))


def _from_disk(
    spark: SparkSession, lake: Lake, spec: TableSpec, parts: Sequence[Part], where: Mapping[str, object]
) -> DataFrame:
    base = f"{lake.root}/{spec.name}"
    # A file that is gone or broken is never passed over, whatever the session's options.
    reader = spark.read.option("ignoreMissingFiles", "false").option("ignoreCorruptFiles", "false")
    files = [_PATTERN.sub(r"\\\1", f"{base}/{part.path}") for part in parts]
    frame = reader.schema(from_arrow_schema(spec.schema)).option("basePath", base).parquet(*files)
    for column, wanted in where.items():
        values = several_values(wanted)
        frame = frame.where(F.col(column).isin(values) if values else F.lit(False))
    return frame


def write_frame(
    frame: DataFrame, lake: Lake, spec: TableSpec, *, partition: Mapping[str, str | int], once: str
) -> bool:
    """Stages the frame as the given partition of a table, on the workers, and commits it; False, and no work done,
    where `once` was committed before.

    LakeError, and no commit, where what is there is not what the workers were given: their receipts name other than the
    rows that Spark counted, or files that are not seen from here, as of a worker with a disk of its own.
    """
    if lake.committed(spec, once):
        return False
    # The workers count as they write; of a task that is run again its last run counts.
    sent = Observation()
    rows = _conform(frame, spec, partition).observe(sent, F.count(F.lit(1)).alias("rows"))

    def stage(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        receipts = [json.dumps(asdict(file)) for file in lake.stage(spec, batches, partition)]
        yield pa.RecordBatch.from_pydict({"receipt": receipts}, schema=_RECEIPTS)

    receipts = rows.mapInArrow(stage, from_arrow_schema(_RECEIPTS)).collect()
    staged = [StagedFile(**json.loads(row["receipt"])) for row in receipts]
    _check_arrived(lake, spec, staged, sent.get["rows"])
    return lake.commit(spec, staged, once=once)


def in_ranges(frame: DataFrame, rows: Mapping[str, int]) -> DataFrame:
    """The frame in order of (delivery, example_id), in as many ranges of these as `rows` (of examples, by delivery)
    are worth, so that statistics lead a reader of one delivery to its share.

    Ids are digests, so that where one lies among those of its delivery is known without looking at the others."""
    count = max(1, -(-sum(rows.values()) // RANGE_ROWS))
    order = ["delivery", "example_id"]
    if count == 1:
        return frame.repartition(1).sortWithinPartitions(*order)
    starts: list[tuple[str, int, int]] = []
    total = 0
    for delivery in sorted(rows):
        starts.append((delivery, total, rows[delivery]))
        total += rows[delivery]
    begun = frame.sparkSession.createDataFrame(starts, "delivery string, before long, among long")
    place = (F.col("before") + _share(F.col("example_id")) * F.col("among")) * count / total
    placed = frame.join(F.broadcast(begun), "delivery", "left").withColumn("range", F.floor(place).cast("int"))
    return placed.repartitionById(count, "range").sortWithinPartitions(*order).select(*frame.columns)


def _share(ids: Column) -> Column:
    """Where digests lie between the first and the last, from 0 to 1."""
    return F.coalesce(F.conv(ids.substr(1, _HEX_DIGITS), 16, 10).cast("double"), F.lit(0.0)) / 16**_HEX_DIGITS


def _check_arrived(lake: Lake, spec: TableSpec, staged: Sequence[StagedFile], sent: int) -> None:
    """Raises LakeError where the files of the receipts do not hold the rows that were sent, or are not there."""
    filesystem, base = lake.storage.open()
    infos = filesystem.get_file_info([f"{base}/{file.path}" for file in staged])
    arrived = sum(file.rows for file, info in zip(staged, infos, strict=True) if info.size == file.size)
    if arrived != sent:
        raise LakeError(
            f"{spec.name}: Spark's workers were given {sent} rows, the files that are seen from here hold {arrived}. "
            f"Nothing was committed. Every worker must see the lake at {lake.root}, on storage that all of them share"
        )


def _conform(frame: DataFrame, spec: TableSpec, partition: Mapping[str, str | int]) -> DataFrame:
    wanted = [field for field in from_arrow_schema(spec.schema).fields if field.name not in partition]
    promised, came = {field.name for field in wanted}, set(frame.columns) - set(partition)
    if promised != came:
        raise ValueError(
            f"{spec.name}: promised {sorted(promised)}; missing {sorted(promised - came)}, "
            f"unknown {sorted(came - promised)}. Make the frame's columns those of the table"
        )
    # At once: Spark analyses the whole plan, which may be long, for each column that is added alone.
    return frame.select(*(F.col(field.name).cast(field.dataType).alias(field.name) for field in wanted))
