"""What finding contradictory judgements costs and how right it is, by number of judgements.

    .venv/bin/python -m benchmarks.contradictions --judgements 100000 1000000 10000000 [--memory 2g] [--partitions 64]

Each size runs in a process of its own, cold: Spark starts, reads Parquet, finds all kinds of contradiction and writes
the measures. Images follow a Zipf distribution; of 200 annotators one in twenty is wrong four times in ten and the
others twice in a hundred. Printed: seconds from start to end, of them those of the audit, processor seconds of the JVM,
the peak of resident memory (JVM, driver and Python workers together), judgements a second, and the exponent with which
the audit's time grew. Beside it stands the group-by of the direct kinds alone in Arrow on one node, whose answer is
also the reference for precision and recall.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contradictions import AUDIT
from ops.corpus.judgements import sided
from ops.corpus.raters import reliability_of
from ops.schemas import EXAMPLES, PREFERENCES
from resources.spark import start_spark
from resources.spark_settings import SparkSettings

_RESPONSES, _QUERIES, _ANNOTATORS = 8, 5, 200
_MILLION = 1_000_000


def _drawn(seed: int) -> Any:
    """A number from 0 to 1 that the row's id and the seed decide."""
    return F.pmod(F.xxhash64("id", F.lit(seed)), F.lit(_MILLION)) / _MILLION


def synthetic(spark: SparkSession, judgements: int) -> tuple[DataFrame, DataFrame]:
    """`preferences` (two judgements a comparison) and `examples`, as ingest leaves them."""
    images = max(10, judgements // 20)
    rows = spark.range(judgements // 2).select(
        "id",
        F.floor(F.pow(F.lit(float(images)), _drawn(1))).alias("image"),
        F.floor(_drawn(2) * _QUERIES).alias("query"),
        F.floor(_drawn(3) * _RESPONSES).alias("one"),
        F.floor(_drawn(4) * (_RESPONSES - 1)).alias("step"),
        F.floor(_drawn(5) * _ANNOTATORS).alias("annotator"),
        _drawn(6).alias("luck"),
    )
    other = (F.col("one") + 1 + F.col("step")) % _RESPONSES
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

    def side(label: str, said: str, against: str) -> Any:
        return F.struct(F.lit(label).alias("label"), F.col(said).alias("said"), F.col(against).alias("against"))

    pair = F.array(side("chosen", "chosen", "rejected"), side("rejected", "rejected", "chosen"))
    sides = F.explode(pair).alias("side")
    judged = rows.select("*", sides)
    text = F.concat(F.lit("The picture shows what answer number "), F.col("side.said"), F.lit(" says of it."))
    values = {
        "judgement_id": F.md5(F.concat_ws("|", "id", "side.label")),
        "image_ids": F.array(F.md5(F.concat(F.lit("image"), "image"))),
        "query": F.concat(F.lit("What of it, asked in the way number "), "query"),
        "response": text,
        "label": F.col("side.label"),
        "rating": F.lit(None),
        "rating_scale": F.lit(None),
        "opponent": F.concat(F.lit("The picture shows what answer number "), "side.against", F.lit(" says of it.")),
        "annotator": F.concat(F.lit("annotator "), "annotator"),
        "image_key": F.md5(F.concat(F.lit("image"), "image")),
        "query_key": F.md5(F.concat(F.lit("query"), "query")),
        "response_key": F.md5(F.concat_ws("|", F.lit("response"), "side.said")),
        "opponent_key": F.md5(F.concat_ws("|", F.lit("response"), "side.against")),
    }
    names = [name for name in PREFERENCES.schema.names if name not in ("delivery", "example_id", "dataset")]
    preferences = judged.select("delivery", "example_id", "dataset", *(values[name].alias(name) for name in names))
    kept = {"source_id": F.col("id").cast("string"), "content_id": F.md5(F.concat_ws("|", "id", "chosen"))}
    examples = rows.select("delivery", "example_id", *(column.alias(name) for name, column in kept.items()))
    return preferences, examples


class Peak:
    """The largest resident memory of this process and its children, looked at twice a second."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.5):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.bytes = max(self.bytes, total)


def measure(judgements: int, folder: Path, memory: str, partitions: int) -> dict[str, Any]:
    """One size, in this process."""
    started = time.perf_counter()
    spark = start_spark(SparkSettings(cores=2, memory=memory, shuffle_partitions=partitions, scratch=str(folder)))
    for name, frame in zip(("preferences", "examples"), synthetic(spark, judgements), strict=True):
        if not (folder / name).exists():
            frame.write.parquet(str(folder / name))
    jvm = psutil.Process(spark.sparkContext._gateway.proc.pid)  # type: ignore[union-attr]
    tables = {
        "preferences": spark.read.parquet(str(folder / "preferences")),
        "examples": spark.read.parquet(str(folder / "examples")),
    }
    assert set(tables["preferences"].columns) == set(PREFERENCES.schema.names)
    assert set(tables["examples"].columns) < set(EXAMPLES.schema.names)
    busy, begin = sum(jvm.cpu_times()[:2]), time.perf_counter()
    with Peak() as peak:
        AUDIT.measure(tables, AUDIT.settings).write.mode("overwrite").parquet(str(folder / "measures"))
    audit_s = time.perf_counter() - begin
    return {
        "judgements": judgements,
        "all_s": round(time.perf_counter() - started, 1),
        "audit_s": round(audit_s, 1),
        "jvm_cpu_s": round(sum(jvm.cpu_times()[:2]) - busy, 1),
        "peak_gb": round(peak.bytes / 1e9, 2),
        "judgements_per_s": round(judgements / audit_s),
        **accuracy(spark, folder, tables["preferences"]),
    }


def accuracy(spark: SparkSession, folder: Path, preferences: DataFrame) -> dict[str, Any]:
    """Flips against Arrow's, and how well the annotators' reliability was recovered."""
    begin = time.perf_counter()
    contested = arrow_flips(folder / "preferences")
    arrow_s = time.perf_counter() - begin
    measures = spark.read.parquet(str(folder / "measures"))
    flipped = measures.where("is_flip").select("judgement_id").toArrow()["judgement_id"]
    found, truth = set(flipped.to_pylist()), set(contested.to_pylist())
    fitted = reliability_of(sided(preferences), fit_judgements=AUDIT.settings.fit_judgements)
    numbers = {int(name.rsplit(" ", 1)[1]): value for name, value in fitted.items() if name.startswith("annotator|")}
    true = np.array([0.6 if n % 20 == 0 else 0.98 for n in numbers])
    sides = measures.where("is_flip").groupBy("side").count().collect()
    return {
        "arrow_direct_s": round(arrow_s, 1),
        "flips": len(truth),
        "precision": round(len(found & truth) / max(1, len(found)), 6),
        "recall": round(len(found & truth) / max(1, len(truth)), 6),
        "cyclic": measures.where("in_cycle").count(),
        "reliability_correlation": round(float(np.corrcoef(true, np.array(list(numbers.values())))[0, 1]), 3),
        "sides": {row["side"]: row["count"] for row in sides},
    }


def arrow_flips(folder: Path) -> pa.ChunkedArray:
    """Ids of the judgements whose pair is judged both ways, by one group-by in Arrow."""
    keys = ["image_key", "query_key", "low", "high"]
    rows = ds.dataset(folder).to_table(
        columns={
            "image_key": ds.field("image_key"),
            "query_key": ds.field("query_key"),
            "judgement_id": ds.field("judgement_id"),
            "low": _either("response_key", "opponent_key"),
            "high": _either("opponent_key", "response_key"),
            "side": (ds.field("response_key") < ds.field("opponent_key")) == (ds.field("label") == "chosen"),
        }
    )
    sides = rows.group_by(keys).aggregate([("side", "min"), ("side", "max")])
    both = sides.filter(ds.field("side_min") != ds.field("side_max")).select(keys)
    return rows.join(both, keys, join_type="left semi")["judgement_id"]


def _either(one: str, other: str) -> Any:
    """The column `one` where it is the smaller of the two response keys in the row, `other` where that one is."""
    smaller = pc.field("response_key") < pc.field("opponent_key")
    return pc.if_else(smaller, pc.field(one), pc.field(other))


def main() -> None:
    """Runs each size in a process of its own and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--memory", default="2g")
    parser.add_argument("--partitions", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="one size only, measured in this process")
    given = parser.parse_args()
    if given.folder:
        print(json.dumps(measure(given.judgements[0], given.folder, given.memory, given.partitions)))
        return
    results = []
    for size in given.judgements:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.contradictions", "--judgements", str(size)]
            command += ["--memory", given.memory, "--partitions", str(given.partitions), "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(results[-1]), flush=True)
    if len(results) > 1:
        first, last = results[0], results[-1]
        for name in ("audit_s", "jvm_cpu_s"):
            growth = math.log(last[name] / first[name]) / math.log(last["judgements"] / first["judgements"])
            print(f"growth exponent of {name}: {growth:.2f}")


if __name__ == "__main__":
    main()
