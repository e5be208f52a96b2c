"""Alike pictures and what hangs together, found by workers: as comparing all of them would."""

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus import components
from ops.corpus.components import with_components
from ops.corpus.pictures import alike_keys, neighbours


@pytest.mark.full
@pytest.mark.parametrize("distance", [0, 4, 9])
def test_no_alike_hash_is_missed(spark: SparkSession, distance: int) -> None:
    rng = np.random.default_rng(distance)
    base = rng.integers(0, 2**64, 60, dtype=np.uint64)
    flips = [np.bitwise_or.reduce(np.uint64(1) << rng.integers(0, 64, n, dtype=np.uint64)) for n in range(1, 12)]
    hashes = sorted(
        {int(value) for value in [*base, *(base[n] ^ flip for n, flip in enumerate(flips))]} | {0, 2**64 - 1}
    )
    frame = spark.createDataFrame([(f"{value:016x}",) for value in hashes] + [("no hash",)], "hash string")
    pairs = {(int(row["hash"], 16), int(row["other"], 16)) for row in neighbours(frame, distance=distance).collect()}
    assert pairs == {(a, b) for a in hashes for b in hashes if a != b and (a ^ b).bit_count() <= distance}


def test_what_is_no_hash_has_a_key_of_its_own(spark: SparkSession) -> None:
    names = ["ff" * 32, "", "0" * 16]
    frame = spark.createDataFrame([(name,) for name in names], "hash string")
    keys = [row["keys"] for row in frame.select(alike_keys(F.col("hash"), 4).alias("keys")).collect()]
    assert [len(of_one) for of_one in keys] == [1, 1, 15]


@pytest.mark.full
def test_components_are_those_of_the_pairs(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [(n, n + 1) for n in range(5)]
    pairs = [*chain, (9, 8), (8, 7), (20, 21), (21, 22), (22, 20), (5, 3)]
    frame = spark.createDataFrame(pairs, "one long, two long")
    assert {row["component"] for row in with_components(frame, "one", "two").collect()} == {0}
    monkeypatch.setattr(components, "FEW", 3)
    rows = with_components(frame, "one", "two").collect()
    assert sorted((row["one"], row["two"]) for row in rows) == sorted(pairs)
    assert {(row["one"], row["component"]) for row in rows} == {
        *((one, 0) for one, _ in [*chain, (5, 3)]),
        *((one, 7) for one in (9, 8)),
        *((one, 20) for one in (20, 21, 22)),
    }
