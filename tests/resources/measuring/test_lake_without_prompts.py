"""A lake from before there were prompts of RL has no such table, and is read as one that holds none."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES, IMAGES, PROMPTS
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from tests.support.samples import sample_examples

DELIVERY = "sample-0123456789ab"


@pytest.mark.full
def test_an_older_lake_is_measured(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [row for row in sample_examples().to_pylist() if row["kind"] != "prompt"]
    lake.write(EXAMPLES, pa.Table.from_pylist(rows, schema=EXAMPLES.schema), partition={"delivery": DELIVERY}, once="a")
    assert lake.version(PROMPTS) == -1
    assert lake.version(IMAGES) == -1
    for name in ("truth_contradictions", "sft_overlap"):
        audit = all_audits()[name]
        identity = measure_corpus(
            lambda: spark, lake, audit, deliveries=[DELIVERY], settings=audit.settings, encoder="e"
        )
        assert lake.committed(audit.table, identity)
        assert lake.read(audit.table, where={"identity": identity}).num_rows == 0
