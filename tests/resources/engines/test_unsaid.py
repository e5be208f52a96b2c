"""One line is left out of standard error, by whoever writes it; every other passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from resources.engines.unsaid import leaving_out
sys.stderr.write("before: level\\n")
with leaving_out("the level"):
    os.write(2, b"native: the level is 3\\n")
    sys.stderr.write("python: the level is 3\\n")
    sys.stderr.write("a real error\\n")
    os.system("echo from a child >&2; echo 'the level of a child' >&2")
    os.write(2, b"no end of line")
sys.stderr.write("\\nafter: the level is 4\\n")
if len(sys.argv) > 1:
    with leaving_out("the level"):
        raise RuntimeError("seen")
"""


def standard_error(*words: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, *words]
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root})
    return done.stderr.splitlines()


def test_only_that_line_is_left_out() -> None:
    expected = ["before: level", "a real error", "from a child", "no end of line", "after: the level is 4"]
    assert standard_error() == expected
    assert standard_error("fail")[-1] == "RuntimeError: seen"


ENGINES = """
import sys
from resources.engines.ray import start_ray
from resources.engines.spark import start_ahead, start_spark
from resources.config.spark_settings import SparkSettings
settings = SparkSettings(cores=1, memory=sys.argv[1], shuffle_partitions=3, quick_start=True)
start_ray(num_cpus=1, object_store_bytes=100_000_000)
starting = start_ahead(settings)
try:
    spark = start_spark(settings)
    starting.join()
    assert start_spark() is spark and spark.conf.get("spark.sql.shuffle.partitions") == "3"
    spark.range(3).count()
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.full
@pytest.mark.parametrize(
    ("memory", "output", "wrong"), [("1g", "", ""), ("1k", "EngineError\n", "Too small maximum heap")]
)
def test_the_engines_start_in_silence_and_fail_aloud(memory: str, output: str, wrong: str) -> None:
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-c", ENGINES, memory]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root})
    # Java itself says on standard output why it does not start.
    assert done.stdout.endswith(output)
    assert wrong in done.stdout + done.stderr
    assert wrong or (done.stdout, done.stderr) == ("", "")
