"""Corpus audits that measure what changed say what they say of all rows, whatever came, went, or was corrected."""

import os
import secrets
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of
from ops.core.key_schemas import CLUSTER_CENTRES
from ops.core.log import Log
from ops.core.measure_schemas import CORPUS_JOBS
from tests.support.nights import a_lake, delivery, measured

LINKED = [audit for audit in audits_of(Scope.CORPUS) if audit.links]


def corpora(draw: np.random.Generator) -> list[list[str]]:
    """A base, and each time a small drop that comes, goes, or is delivered again with other rows."""
    present = ["base"]
    steps = [list(present)]
    for step in range(2 if os.environ.get("CI") else 4):
        deed = draw.choice(["come", "come", "go", "correct"])
        if deed == "come" or len(present) == 1:
            present.append(f"small{step}")
        elif deed == "go":
            del present[draw.integers(1, len(present))]
        else:
            present[draw.integers(1, len(present))] = f"small{step}"
        steps.append(list(present))
    return steps


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("audit", LINKED, ids=lambda audit: audit.name)
def test_what_changed_is_measured_and_the_rest_carried_over(spark: SparkSession, tmp_path: Path, audit: Audit) -> None:
    seed = 7 if os.environ.get("CI") else secrets.randbelow(10**6)
    draw = np.random.default_rng(seed)
    steps = corpora(draw)
    names = dict.fromkeys(name for step in steps for name in step)
    made = {name: delivery(name, draw, 200 if name == "base" else 6) for name in names}
    lake, other = (a_lake(tmp_path / name, made) for name in ("touched", "whole"))
    assert measured(spark, lake, audit, steps[0], 7), "the audit finds something, or the test shows nothing"
    for step in steps[1:]:
        measures = [measured(spark, where, audit, step, days) for where, days in ((lake, 7), (other, 0))]
        assert measures[0] == measures[1], f"seed {seed}, at {step} of {steps}"
    jobs = Log.of(lake.read(CORPUS_JOBS)).where(state="done").rows
    assert any(job["made_from"] for job in jobs)
    assert not any(job["made_from"] for job in Log.of(other.read(CORPUS_JOBS)).where(state="done").rows)


CLUSTERED = [audit for audit in LINKED if audit.clusters]


@pytest.mark.full
@pytest.mark.parametrize("audit", CLUSTERED, ids=lambda audit: audit.name)
def test_a_correction_of_a_delivery_that_clusters_were_found_in(
    spark: SparkSession, tmp_path: Path, audit: Audit
) -> None:
    draw = np.random.default_rng(11)
    made = {name: delivery(name, draw, rows) for name, rows in {"base": 60, "small0": 6, "again": 50}.items()}
    lake, other = (a_lake(tmp_path / name, made) for name in ("touched", "whole"))
    for step in (["base", "small0"], ["again", "small0"], ["base", "small0"]):
        measures = [measured(spark, where, audit, step, days) for where, days in ((lake, 7), (other, 0))]
        assert measures[0] == measures[1], step
    assert len(set(lake.read(CLUSTER_CENTRES)["rules"].to_pylist())) == 2
