"""A lake from before there were prompts of RL has no such table, and is read as one that holds none."""

from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES, IMAGES, PROMPTS
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from tests.support.samples import sample_examples

DELIVERY = "sample-0123456789ab"


def start_no_spark() -> NoReturn:
    raise AssertionError("Spark was started")


def test_an_older_lake_is_measured_and_needs_no_spark_for_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = [row for row in sample_examples().to_pylist() if row["kind"] != "prompt"]
    lake.write(EXAMPLES, pa.Table.from_pylist(rows, schema=EXAMPLES.schema), partition={"delivery": DELIVERY}, once="a")
    assert lake.version(PROMPTS) == -1
    assert lake.version(IMAGES) == -1
    for name in ("truth_contradictions", "sft_overlap", "contradictions", "rejected_as_target"):
        audit = all_audits()[name]
        identity = measure_corpus(
            start_no_spark, lake, audit, deliveries=[DELIVERY], settings=audit.settings, encoder="e"
        )
        assert lake.committed(audit.table, identity)
        assert lake.read(audit.table, where={"identity": identity}).num_rows == 0
