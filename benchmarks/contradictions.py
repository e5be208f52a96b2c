"""What finding contradictory judgements costs and how right it is, by number of judgements.

    .venv/bin/python -m benchmarks.contradictions --judgements 100000 1000000 10000000 [--memory 2g] [--partitions 64]
    .venv/bin/python -m benchmarks.contradictions --judgements 1000000 --skewed
    .venv/bin/python -m benchmarks.contradictions --judgements 100000000 --direct

Each size runs in a process of its own, cold: Spark starts, reads Parquet, finds all kinds of contradiction and writes
the measures. Images follow a Zipf distribution; of 200 annotators one in twenty is wrong four times in ten and the
others twice in a hundred. Printed: seconds from start to end, of them those of the audit, processor seconds of the JVM,
the peak of resident memory (JVM, driver and Python workers together), judgements a second, and the exponent with which
the audit's time grew. The direct kinds alone (flips; good and bad), with their votes, are then found once more by Spark
and by DuckDB on the same files, with as many cores and as much memory: where DuckDB is faster, Spark does not pay yet.
Precision and recall are against DuckDB's answer. `--skewed` puts all judgements on one image, half of them with an
empty query, and makes most responses different. `--direct` leaves out all but the direct kinds; `--alone` leaves out
DuckDB, which at 10^8 spills 40 GB.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_type

from ops.audits.contradictions import AUDIT
from ops.core.canonical import query_key
from ops.core.schemas import EXAMPLES, PREFERENCES
from ops.corpus.judgements import CHECKED, KEYS, sided, with_voters
from ops.corpus.raters import reliability_of
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark

_RESPONSES, _QUERIES, _ANNOTATORS = 8, 5, 200
_MILLION = 1_000_000
_CORES = 2


def _drawn(seed: int) -> Any:
    """A number from 0 to 1 that the row's id and the seed decide."""
    return F.pmod(F.xxhash64("id", F.lit(seed)), F.lit(_MILLION)) / _MILLION


def synthetic(spark: SparkSession, judgements: int, *, skewed: bool = False) -> tuple[DataFrame, DataFrame]:
    """`preferences` (two judgements a comparison) and `examples`, as ingest leaves them."""
    images = 1 if skewed else max(10, judgements // 20)
    queries, responses = (2, judgements // 8) if skewed else (_QUERIES, _RESPONSES)
    rows = spark.range(judgements // 2).select(
        "id",
        F.floor(F.pow(F.lit(float(images)), _drawn(1))).alias("image"),
        F.floor(_drawn(2) * queries).alias("query"),
        F.floor(_drawn(3) * responses).alias("one"),
        F.floor(_drawn(4) * (responses - 1)).alias("step"),
        F.floor(_drawn(5) * _ANNOTATORS).alias("annotator"),
        _drawn(6).alias("luck"),
    )
    other = (F.col("one") + 1 + F.col("step")) % responses
    error = F.when(F.col("annotator") % 20 == 0, 0.4).otherwise(0.02)
    rows = rows.withColumns({"best": F.least("one", other), "worst": F.greatest("one", other)})
    wrong = F.col("luck") < error
    rows = rows.withColumns(
        {
            "chosen": F.when(wrong, F.col("worst")).otherwise(F.col("best")),
            "rejected": F.when(wrong, F.col("best")).otherwise(F.col("worst")),
            "example_id": F.md5(F.col("id").cast("string")),
            "delivery": F.lit("synthetic"),
            "dataset": F.concat(F.lit("source "), F.col("id") % 5),
        }
    )

    def side(label: str, response: str, against: str) -> Any:
        return F.struct(F.lit(label).alias("label"), F.col(response).alias("said"), F.col(against).alias("against"))

    pair = F.array(side("chosen", "chosen", "rejected"), side("rejected", "rejected", "chosen"))
    sides = F.explode(pair).alias("side")
    judged = rows.select("*", sides)
    asked = F.concat(F.lit("What of it, asked in the way number "), "query")
    query = F.when(F.lit(skewed) & (F.col("query") == 0), "").otherwise(asked)
    text = F.concat(F.lit("The picture shows what answer number "), F.col("side.said"), F.lit(" says of it."))
    values = {
        "judgement_id": F.md5(F.concat_ws("|", "id", "side.label")),
        "image_ids": F.array(F.md5(F.concat(F.lit("image"), "image"))),
        "query": query,
        "response": text,
        "label": F.col("side.label"),
        "rating": F.lit(None),
        "rating_scale": F.lit(None),
        "opponent": F.concat(F.lit("The picture shows what answer number "), "side.against", F.lit(" says of it.")),
        "annotator": F.concat(F.lit("annotator "), "annotator"),
        "image_key": F.md5(F.concat(F.lit("image"), "image")),
        "query_key": F.when(query == "", query_key("")).otherwise(F.md5(query)),
        "response_key": F.md5(F.concat_ws("|", F.lit("response"), "side.said")),
        "opponent_key": F.md5(F.concat_ws("|", F.lit("response"), "side.against")),
    }
    names = [name for name in PREFERENCES.schema.names if name not in ("delivery", "example_id", "dataset")]
    preferences = judged.select("delivery", "example_id", "dataset", *(values[name].alias(name) for name in names))
    unsaid = {
        name: F.lit(None).cast(from_arrow_type(EXAMPLES.schema.field(name).type)) for name in ("messages", "metadata")
    }
    kept = {
        "kind": F.lit("preference"),
        **unsaid,
        "source_id": F.col("id").cast("string"),
        "content_id": F.md5(F.concat_ws("|", "id", "chosen")),
    }
    examples = rows.select("delivery", "example_id", *(column.alias(name) for name, column in kept.items()))
    return preferences, examples


class Cost:
    """What the body of a `with` costs: seconds, processor seconds of Spark's JVM, and the largest resident memory of
    this process and its children, looked at twice a second."""

    def __init__(self, spark: SparkSession) -> None:
        self.wall_s = self.jvm_cpu_s = 0.0
        self.peak_bytes = 0
        self._jvm = psutil.Process(_jvm_of(spark))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Cost":
        self._thread.start()
        self._from = time.perf_counter(), sum(self._jvm.cpu_times()[:2])
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._from[0]
        self.jvm_cpu_s = sum(self._jvm.cpu_times()[:2]) - self._from[1]
        self._stop.set()
        self._thread.join()

    def figures(self, name: str) -> dict[str, float]:
        """The figures, under names that start with `name`."""
        figures = {"s": round(self.wall_s, 1), "jvm_cpu_s": round(self.jvm_cpu_s, 1)}
        return {f"{name}_{key}": value for key, value in figures.items()} | {
            f"{name}_peak_gb": round(self.peak_bytes / 1e9, 2)
        }

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.5):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak_bytes = max(self.peak_bytes, total)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """One size, in this process."""
    started, judgements, folder = time.perf_counter(), given.judgements[0], given.folder
    spark = start_spark(
        SparkSettings(cores=_CORES, memory=given.memory, shuffle_partitions=given.partitions, scratch=str(folder))
    )
    for name, frame in zip(("preferences", "examples"), synthetic(spark, judgements, skewed=given.skewed), strict=True):
        if not (folder / name).exists():
            frame.write.parquet(str(folder / name))
    tables = {name: spark.read.parquet(str(folder / name)) for name in ("preferences", "examples")}
    assert set(tables["preferences"].columns) == set(PREFERENCES.schema.names)
    assert set(tables["examples"].columns) < set(EXAMPLES.schema.names)
    figures: dict[str, Any] = {"judgements": judgements}
    if not given.direct:
        with Cost(spark) as cost:
            AUDIT.measure(tables, AUDIT.settings).write.mode("overwrite").parquet(str(folder / "measures"))
        figures |= cost.figures("audit") | {"judgements_per_s": round(judgements / cost.wall_s)}
    with Cost(spark) as cost:
        spark_direct(tables["preferences"]).write.mode("overwrite").parquet(str(folder / "spark"))
    figures |= cost.figures("spark_direct") | {"load": [round(load, 1) for load in os.getloadavg()]}
    kind = "spark" if given.direct else "measures"
    figures |= {} if given.direct else accuracy(spark, folder, tables["preferences"])
    if given.alone:
        return figures | {"all_s": round(time.perf_counter() - started, 1)}
    jvm_gb = psutil.Process(_jvm_of(spark)).memory_info().rss / 1e9
    with Cost(spark) as cost:
        duckdb_direct(folder, given.memory)
    # Spark idles beside it; its memory is not DuckDB's.
    figures |= cost.figures("duckdb_direct") | {"duckdb_direct_peak_gb": round(cost.peak_bytes / 1e9 - jvm_gb, 2)}
    return figures | compared(folder, kind) | {"all_s": round(time.perf_counter() - started, 1)}


def _jvm_of(spark: SparkSession) -> int:
    return spark.sparkContext._gateway.proc.pid  # type: ignore[union-attr]


def spark_direct(preferences: DataFrame) -> DataFrame:
    """The judgements of subjects judged both ways, with the votes for either side."""
    judged = with_voters(sided(preferences).where("NOT is_identical"), None)
    votes = judged.groupBy(*CHECKED, "voter", "side").agg(F.count("*").alias("judgements"))
    contested = (
        votes.groupBy(*CHECKED)
        .agg(F.count_if("side").alias("yes"), F.count_if(~F.col("side")).alias("no"))
        .where("yes > 0 AND no > 0")
    )
    return judged.join(contested, CHECKED).select(*KEYS, "yes", "no", (F.col("high_hash") != 0).alias("is_flip"))


_DUCKDB_DIRECT = """
COPY (
    WITH judged AS (
        SELECT delivery, example_id, judgement_id, image_key, query_key, annotator AS voter,
            least(response_key, opponent_key) AS low, greatest(response_key, opponent_key) AS high,
            (label = 'chosen') = (response_key <= opponent_key) AS side
        FROM read_parquet('{folder}/preferences/*.parquet')
        WHERE response_key != opponent_key
    ), contested AS (
        SELECT image_key, query_key, low, high,
            count(DISTINCT voter) FILTER (side) AS yes, count(DISTINCT voter) FILTER (NOT side) AS no
        FROM judged GROUP BY ALL HAVING bool_or(side) AND bool_or(NOT side)
    )
    SELECT delivery, example_id, judgement_id, yes, no, true AS is_flip
    FROM judged JOIN contested USING (image_key, query_key, low, high)
) TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)
"""


def duckdb_direct(folder: Path, memory: str) -> None:
    """The same in DuckDB. Synthetic judgements are comparisons with named annotators throughout, which it relies on."""
    with duckdb.connect(config={"threads": _CORES, "memory_limit": f"{memory}b", "temp_directory": str(folder)}) as db:
        db.execute("SET preserve_insertion_order = false")
        db.execute(_DUCKDB_DIRECT.format(folder=folder))


def compared(folder: Path, name: str) -> dict[str, Any]:
    """How the flips of `found`, a folder of Spark's, agree with DuckDB's, judgement by judgement."""
    query = f"""
        SELECT count(*) FILTER (f.judgement_id IS NOT NULL AND t.judgement_id IS NOT NULL),
            count(f.judgement_id), count(t.judgement_id)
        FROM (SELECT judgement_id FROM read_parquet('{folder}/{name}/*.parquet') WHERE is_flip) f
        FULL JOIN '{folder}/duckdb.parquet' t USING (judgement_id)
    """  # noqa: S608
    with duckdb.connect() as db:
        both, claimed, true = db.execute(query).fetchall()[0]
    return {"flips": true, "precision": round(both / max(1, claimed), 6), "recall": round(both / max(1, true), 6)}


def accuracy(spark: SparkSession, folder: Path, preferences: DataFrame) -> dict[str, Any]:
    """How well the annotators' reliability was recovered, and what became of the contradictions."""
    measures = spark.read.parquet(str(folder / "measures"))
    fitted = reliability_of(sided(preferences), fit_judgements=AUDIT.settings.fit_judgements)
    # Each source has its own figure of an annotator.
    named = [row for row in fitted.raters if row[1].startswith("annotator|")]
    numbers = [int(rater.rsplit(" ", 1)[1]) for _, rater, *_ in named]
    true = np.array([0.6 if n % 20 == 0 else 0.98 for n in numbers])
    sides = measures.where("is_flip").groupBy("side").count().collect()
    return {
        "cyclic": measures.where("in_cycle").count(),
        "too_large": measures.where("is_cycle_too_large").count(),
        "reliability_correlation": round(float(np.corrcoef(true, np.array([row[2] for row in named]))[0, 1]), 3),
        "models": sorted({row[1] for row in fitted.sources}),
        "sides": {row["side"]: row["count"] for row in sides},
    }


def main() -> None:
    """Runs each size in a process of its own and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--memory", default="2g", help="Spark's heap, and DuckDB's limit")
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--skewed", action="store_true", help="all judgements about one image")
    parser.add_argument("--direct", action="store_true", help="the direct kinds alone")
    parser.add_argument("--alone", action="store_true", help="Spark alone, without DuckDB beside it")
    parser.add_argument("--folder", type=Path, help="one size only, measured in this process")
    given = parser.parse_args()
    if given.folder:
        print(json.dumps(measure(given)))
        return
    results = []
    for size in given.judgements:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.contradictions", "--judgements", str(size)]
            command += ["--memory", given.memory, "--partitions", str(given.partitions), "--folder", folder]
            command += ["--skewed"] * given.skewed + ["--direct"] * given.direct + ["--alone"] * given.alone
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(results[-1]), flush=True)
    if len(results) > 1:
        first, last = results[0], results[-1]
        for name in sorted(n for n in first if n.endswith("_s") and n != "judgements_per_s"):
            growth = math.log(last[name] / first[name]) / math.log(last["judgements"] / first["judgements"])
            print(f"growth exponent of {name}: {growth:.2f}")


if __name__ == "__main__":
    main()
