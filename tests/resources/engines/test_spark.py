"""Spark's way in and out of the lake."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.core.identity import digest
from ops.core.schemas import TableSpec
from ops.core.tables import TABLES
from resources.engines import spark_tables
from resources.engines.private import sweep_passing
from resources.engines.spark import start_spark
from resources.engines.spark_tables import in_ranges, read_frame, write_frame
from resources.lake.files import LakeError
from resources.lake.tables import Lake

SPEC = TableSpec(
    "things", pa.schema([("delivery", pa.string()), ("n", pa.int64()), ("name", pa.string())]), ("delivery",)
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "a lake")


def test_a_second_start_returns_the_session(spark: SparkSession) -> None:
    assert start_spark() is spark
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.sparkContext.getConf().get("spark.driver.host") == "127.0.0.1"


def test_unwritten_tables_are_empty_with_their_columns(spark: SparkSession, lake: Lake) -> None:
    for spec in TABLES.values():
        assert read_frame(spark, lake, spec).columns == spec.schema.names
    assert read_frame(spark, lake, TABLES["examples"]).count() == 0


def test_partition_values_stay_the_text_they_are(spark: SparkSession, lake: Lake) -> None:
    names = ["007", "1e5", "2026-11-23", "true", "v1.2_3-x"]
    for name in names:
        table = pa.table({"n": [1], "name": pa.array([None], pa.string())})
        lake.write(SPEC, table, partition={"delivery": name}, once=name)
    rows = read_frame(spark, lake, SPEC, where={"delivery": names}).orderBy("delivery").collect()
    assert [tuple(row) for row in rows] == [(name, 1, None) for name in names]
    assert read_frame(spark, lake, SPEC, where={"delivery": "007"}).count() == 1


def test_a_frame_written_by_spark_reads_the_same_by_arrow(spark: SparkSession, lake: Lake) -> None:
    frame = spark.range(100).selectExpr("cast(id as string) AS name", "id AS n")
    assert write_frame(frame, lake, SPEC, partition={"delivery": "007"}, once="it")
    table = lake.read(SPEC).sort_by("n")
    assert table.schema.names == SPEC.schema.names
    assert table.column("n").to_pylist() == list(range(100))
    assert set(table.column("delivery").to_pylist()) == {"007"}
    assert read_frame(spark, lake, SPEC, where={"n": [3, 4]}).count() == 2
    assert read_frame(spark, lake, SPEC, where={"n": []}).count() == 0


def test_the_same_write_happens_once(spark: SparkSession, lake: Lake) -> None:
    frame = spark.range(3).selectExpr("id AS n", "'x' AS name")
    assert write_frame(frame, lake, SPEC, partition={"delivery": "d"}, once="it")
    version = lake.version(SPEC)
    assert not write_frame(frame, lake, SPEC, partition={"delivery": "d"}, once="it")
    assert lake.version(SPEC) == version
    assert lake.read(SPEC).num_rows == 3


def test_an_empty_frame_is_a_commit(spark: SparkSession, lake: Lake) -> None:
    frame = spark.range(0).selectExpr("id AS n", "'x' AS name")
    assert write_frame(frame, lake, SPEC, partition={"delivery": "d"}, once="it")
    assert lake.committed(SPEC, "it")
    assert read_frame(spark, lake, SPEC).count() == 0


def test_an_older_version_is_read_as_it_was(spark: SparkSession, lake: Lake) -> None:
    for name in ("a", "b"):
        lake.write(SPEC, pa.table({"n": [1], "name": [name]}), partition={"delivery": name}, once=name)
    assert read_frame(spark, lake, SPEC).count() == 2
    assert read_frame(spark, lake, SPEC, version=lake.version(SPEC) - 1).count() == 1


def test_wrong_columns_are_named(spark: SparkSession, lake: Lake) -> None:
    with pytest.raises(ValueError, match=r"things: .*missing \['name'\], unknown \['nom'\]"):
        write_frame(spark.sql("SELECT 1 AS n, 'a' AS nom"), lake, SPEC, partition={"delivery": "d"}, once="it")


def test_workers_run_this_python(spark: SparkSession) -> None:
    def packages(batches):
        import ops

        return (pa.RecordBatch.from_pydict({"at": [ops.__file__] * batch.num_rows}) for batch in batches)

    assert spark.range(1).mapInArrow(packages, "at string").first()["at"].startswith(os.getcwd())


def lost_before_the_job_ends(things: Path):
    """1000 rows in four partitions as they are; the task of the second takes away a finished file of another."""

    def rows(batches):
        for batch in batches:
            if batch.column("n")[0].as_py() == 250:
                while not (staged := [path for path in things.rglob("*.parquet") if path.stat().st_size > 8]):
                    time.sleep(0.05)
                time.sleep(0.3)  # until it is closed
                staged[0].unlink()
            yield batch

    return rows


def test_rows_that_were_written_and_are_not_there_are_not_committed(spark: SparkSession, lake: Lake) -> None:
    """As where a worker sees another folder under the lake's path: its files are nowhere to be listed."""
    frame = spark.range(0, 1000, numPartitions=4).selectExpr("id AS n", "'x' AS name")
    lossy = frame.mapInArrow(lost_before_the_job_ends(Path(lake.root) / "things"), frame.schema)
    with pytest.raises(LakeError, match=r"given 1000 rows, the files .* hold 750\. Nothing was committed"):
        write_frame(lossy, lake, SPEC, partition={"delivery": "d"}, once="it")
    assert not lake.committed(SPEC, "it")
    assert write_frame(frame, lake, SPEC, partition={"delivery": "d"}, once="it")
    assert lake.read(SPEC).num_rows == 1000


def test_measures_lie_in_ranges_of_their_examples(spark: SparkSession, lake: Lake, monkeypatch) -> None:
    """So that statistics lead a reader of one delivery past the files of others."""
    spec = TableSpec(
        "measures", pa.schema([(name, pa.string()) for name in ("identity", "delivery", "example_id")]), ("identity",)
    )
    monkeypatch.setattr(spark_tables, "RANGE_ROWS", 100)
    keys = [(delivery, digest(delivery, str(n))) for delivery in ("a", "b") for n in range(150)]
    frame = spark.createDataFrame(keys, "delivery string, example_id string").withColumn("identity", F.lit("i"))
    ranged = in_ranges(frame, {"a": 150, "b": 150})
    assert write_frame(ranged, lake, spec, partition={"identity": "i"}, once="i")
    rows = lake.read(spec).select(["delivery", "example_id"]).to_pylist()
    assert sorted(tuple(row.values()) for row in rows) == sorted(keys)
    parts = lake.parts(spec)
    assert len(parts) == 3
    assert len(lake.parts(spec, where={"delivery": ["a"]})) == 2
    for part in parts:
        held = [
            tuple(row.values()) for row in lake.read(spec, parts=[part], columns=["delivery", "example_id"]).to_pylist()
        ]
        assert held == sorted(held)


@pytest.mark.parametrize(
    "plan",
    [
        "SELECT id AS n, 'x' AS name FROM range(100) WHERE id < 0",
        "SELECT id AS n, 'x' AS name FROM range(100) a JOIN (SELECT id FROM range(9) WHERE rand() > 2) b USING (id)",
        "SELECT id AS n, 'x' AS name FROM range(100) ORDER BY id DESC LIMIT 7",
        "SELECT /*+ REPARTITION(5) */ id % 3 AS n, max('x') AS name FROM range(100) GROUP BY 1",
        "SELECT * FROM VALUES (1, 'x'), (2, 'y') AS t(n, name)",
    ],
)
def test_whatever_the_plan_rows_are_counted_as_they_are_written(spark: SparkSession, lake: Lake, plan: str) -> None:
    frame = spark.sql(plan)
    assert write_frame(frame, lake, SPEC, partition={"delivery": "d"}, once="it")
    assert lake.read(SPEC).num_rows == frame.count()


def test_a_table_with_a_file_gone_is_no_smaller_table(lake: Lake, spark: SparkSession) -> None:
    """Even where the session is told to pass over such files."""
    for name in ("a", "b"):
        lake.write(SPEC, pa.table({"n": [1], "name": [name]}), partition={"delivery": name}, once=name)
    spark.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    try:
        frame = read_frame(spark, lake, SPEC)
        Path(lake.files(SPEC)[0]).unlink()
        with pytest.raises(Exception, match=r"FILE_NOT_EXIST|does not exist"):
            frame.count()
    finally:
        spark.conf.unset("spark.sql.files.ignoreMissingFiles")


@pytest.mark.parametrize(
    "name", ["../beside", "./here/", "link/../beside", "link/inside", "a[1]{b,c}", "st*r?", "co:lon"]
)
def test_a_lake_may_be_named_as_it_comes(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What Spark makes of a path is what the lake makes of it; names are no patterns."""
    (tmp_path / "work").mkdir()
    (tmp_path / "far" / "off").mkdir(parents=True)
    (tmp_path / "work" / "link").symlink_to(tmp_path / "far" / "off")
    monkeypatch.chdir(tmp_path / "work")
    for other in ("star1", "star2"):  # what `st*r?` would match
        Lake(other).write(SPEC, pa.table({"n": [7], "name": ["other"]}), partition={"delivery": "d"}, once="it")
    lake = Lake(name)
    frame = spark.range(10).selectExpr("id AS n", "'x' AS name")
    assert write_frame(frame, lake, SPEC, partition={"delivery": "d"}, once="it")
    assert read_frame(spark, lake, SPEC).count() == lake.read(SPEC).num_rows == 10
    assert os.path.realpath(lake.root) == os.path.realpath(name)


def test_a_quick_start_leaves_room_for_the_code_of_all_audits(spark: SparkSession) -> None:
    """A JVM that compiles little reserves 48 MB by itself, which a run fills: it ends then."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    pools = list(jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans())
    room = sum(pool.getUsage().getMax() for pool in pools if "Code" in pool.getName())
    assert room >= 240 * 2**20


LOGGING = """
import logging
from resources.engines.spark import warn_alone

logging.getLogger("assay").setLevel(logging.INFO)
warn_alone()
logging.info("what py4j tells")
logging.getLogger("assay").info("a step")
logging.getLogger("assay").warning("a fault")
"""


def test_only_warnings_are_printed_after_py4j_has_told_something() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == "a fault\n"


KILLED = """
import os, sys, tempfile
from pathlib import Path
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_ahead

start_ahead(SparkSettings())
while not list(Path(tempfile.gettempdir()).rglob("tmp*")):
    pass
os.kill(os.getpid(), 9)
"""


@pytest.mark.full
def test_what_a_start_that_was_killed_left_goes_with_the_next_passing_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [folder.name.partition("-")[0] for folder in tmp_path.iterdir()] == ["spark"]
    # Java ends by itself when it sees that nobody is there; before, it wants its folder.
    java = [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or ())]
    assert psutil.wait_procs(java, timeout=60)[1] == []
    sweep_passing(tmp_path)
    assert list(tmp_path.iterdir()) == []


ENDED = """
import os, signal
import dagster as dg
from assets import failures
from assets.failures import failing_in_words
from resources.config.settings import Settings, load_settings
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark

failures._WAIT_SECONDS = 0
counts = []

@dg.asset
@failing_in_words
def numbers(settings: dg.ResourceParam[Settings]) -> None:
    session = start_spark(SparkSettings(memory="1g", shuffle_partitions=1, quick_start=True))
    counts.append(session.range(5).count())
    if len(counts) == 1:
        os.kill(session.sparkContext._gateway.proc.pid, signal.SIGKILL)
    counts.append(session.range(5).mapInArrow(lambda batches: batches, "id long").count())

with dg.DagsterInstance.ephemeral() as instance:
    done = dg.materialize([numbers], instance=instance, resources={"settings": load_settings()})
print(done.success, counts)
"""


@pytest.mark.full
def test_a_step_whose_java_was_killed_passes_on_its_second_try() -> None:
    done = subprocess.run([sys.executable, "-c", ENDED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True [5, 5, 5]"
