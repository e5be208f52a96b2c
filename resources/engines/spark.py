"""Spark: one local session a process, or a cluster's."""

import logging
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from types import SimpleNamespace

from pyspark import SparkContext, java_gateway
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from ops.core.errors import EngineError
from resources.config.places import local_path
from resources.config.spark_settings import SparkSettings
from resources.engines.java import require_java
from resources.engines.private import passing_folder

_STARTING = Lock()
_LOG_FILE = Path(__file__).with_name("spark_log4j2.properties")
_CONF_FOLDER = Path(__file__).with_name("spark_conf")


def start_spark(settings: SparkSettings | None = None) -> SparkSession:
    """The process's Spark session, started on the first call; later calls return it whatever their settings.

    Raises EngineError with the fix where no Java that Spark runs on is found.
    """
    with _STARTING:
        return _running() or _started(settings or SparkSettings())


def start_ahead(settings: SparkSettings) -> Thread:
    """Begins to start Spark beside other work, for it keeps another core busy for seconds. `start_spark` waits for it,
    and says what goes wrong, for then it tries again. The process should not end before this thread does."""

    def start() -> None:
        with suppress(EngineError):
            start_spark(settings)

    thread = Thread(target=start, daemon=True)
    thread.start()
    return thread


def _running() -> SparkSession | None:
    _forget_ended()
    try:
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


def _forget_ended() -> None:
    """PySpark (4.3) holds on to a Java that has ended, killed for its memory say: all that asks it fails from then on,
    each second try of a step as well."""
    java = getattr(getattr(SparkContext, "_gateway", None), "proc", None)
    if java is None or java.poll() is None:
        return
    context: SparkContext | None = getattr(SparkContext, "_active_spark_context", None)
    if context is not None:
        with suppress(ConnectionError):
            context.stop()
        context.stop()  # what it leaves out where Java does not answer
    held = {SparkContext: ("_gateway", "_jvm"), SparkSession: ("_instantiatedSession", "_activeSession")}
    for kind, names in held.items():
        for name in names:
            setattr(kind, name, None)


def _started(settings: SparkSettings) -> SparkSession:
    os.environ["JAVA_HOME"] = str(require_java().home)
    os.environ.setdefault("SPARK_LOCAL_IP", settings.driver_host)
    if "SPARK_HOME" not in os.environ:  # a Spark of one's own has its own folder of settings
        os.environ.setdefault("SPARK_CONF_DIR", str(_CONF_FOLDER))
    # Ray or an outer Spark may have set it for their own workers; ours need the packages of this very interpreter.
    os.environ["PYSPARK_PYTHON"] = settings.python or sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    warn_alone()
    # What Java, or who starts it, puts into the folder for temporary files stays there when it is killed.
    passing = passing_folder("spark-")
    builder = SparkSession.builder.appName("assay")
    for name, value in _options(settings, str(passing)).items():
        builder = builder.config(name, value)
    try:
        with _gateway_in(passing):
            return builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise EngineError(
            f"Spark did not start with {os.environ['JAVA_HOME']} and spark.memory {settings.memory}: {error}. "
            "Its own message stands above; too little memory is the usual cause"
        ) from error


def warn_alone() -> None:
    """Where nothing was said of how to log, what goes unheard stays so: py4j (0.10.9.9) tells the root logger of each
    command that it sends again, which gives that logger a handler, and then all that any other tells is printed."""
    root = logging.getLogger()
    if not root.handlers and logging.lastResort is not None:
        root.addHandler(logging.lastResort)  # what Python itself takes: warnings


@contextmanager
def _gateway_in(folder: Path) -> Generator[None]:
    """PySpark (4.3) waits for Java's port in a folder of its own among the temporary files; killed meanwhile it leaves
    that there for good, and nobody would know whose it was."""
    ours = SimpleNamespace(mkdtemp=partial(tempfile.mkdtemp, dir=folder), mkstemp=tempfile.mkstemp)
    name = "tempfile"
    setattr(java_gateway, name, ours)
    try:
        yield
    finally:
        setattr(java_gateway, name, tempfile)


# Java 17 reserves a fifth of its usual room for code that is compiled little, and a run of all audits fills that: then
# no class is generated any more, and the JVM ends with "Out of space in CodeCache".
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
# A small corpus takes some hundred queries of a few rows each: what Spark does for a query that is to be long, classes
# made for its expressions and a plan made anew after each shuffle, is then most of the work.
_SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


def _options(settings: SparkSettings, passing: str) -> dict[str, str]:
    scratch = [str(local_path(folder, "spark.scratch")) for folder in settings.scratch_folders()]
    return {
        "spark.master": settings.master or f"local[{settings.cores or '*'}]",
        "spark.driver.memory": settings.memory,
        "spark.driver.host": settings.driver_host,
        "spark.driver.bindAddress": settings.driver_host,
        "spark.driver.extraJavaOptions": " ".join(
            (
                f"-Dlog4j2.configurationFile=file:{_LOG_FILE} -Duser.timezone=UTC",
                f'-XX:-UsePerfData "-Djava.io.tmpdir={passing}"',
                *((_QUICK_START,) if settings.quick_start else ()),
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
        **(_SMALL if settings.quick_start else {}),
        # Else PySpark sends Java the line of code of each call that makes a column, some two thousand a run.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # The lake names a table's files one by one; looking at a few needs no Spark job, at many one that is parallel.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
        # What spills is of the corpus; Spark lets everyone read it.
        **({} if settings.master and not scratch else {"spark.local.dir": ",".join(scratch) or passing}),
        **settings.executor_options(),
        **(settings.options or {}),
    }
