"""Modality statistics."""

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from ops.audits.modality import AUDIT
from ops.audits.visual_necessity import AUDIT as NECESSITY
from ops.core.vectors import Vectors
from ops.corpus.modality import modality_statistics
from ops.evidence.inputs import RowInputs
from tests.support.corpora import Dialogue, Judged, tables

NOTHING = Vectors.of([], np.zeros((0, 0)))


def test_counts_by_delivery_dataset_kind_and_modality(spark: SparkSession) -> None:
    rows = [
        Dialogue((("What?", "A dog, it's big."), ("Why?", "猫です")), dataset="vqa"),
        Dialogue((("What?", "snake_case 3.5"),), dataset="vqa"),
        Dialogue((("Grass?", "green"), ("Sky?", "blue")), dataset="vqa", source_id="blind"),
        Dialogue((("Grass?", "green"), ("Dogs?", "two")), dataset="vqa", source_id="half blind"),
        Dialogue((("2 + 2?", "4"),), image=None),
        Judged("yes it is", "no", dataset="vqa", drop="two"),
    ]
    examples = tables(rows)["examples"]
    modality = AUDIT.measure(RowInputs(examples, NOTHING, NOTHING, NOTHING, NOTHING), AUDIT.settings)
    shares = {"blind": 1.0, "half blind": 0.5}
    judged = [
        {"delivery": e["delivery"], "example_id": e["example_id"], "turn": turn, "blind_share": shares[e["source_id"]]}
        for e in examples.to_pylist()
        if e["source_id"] in shares
        for turn in (0, 1)
    ]
    necessity = pa.Table.from_pylist(judged, schema=NECESSITY.schema)
    frames = [spark.createDataFrame(table) for table in (examples, modality, necessity)]
    counts = {tuple(row) for row in modality_statistics(*frames).collect()}
    # "A dog , it ' s big ." is 8 tokens, 猫です 3, "snake_case 3 . 5" 4; "green two" 2.
    assert counts == {
        ("one-0", "vqa", "sft", "visual", 3, 5, 17, 3, 3 * 576),
        ("one-0", "vqa", "sft", "blind", 1, 2, 2, 1, 576),
        ("one-0", None, "sft", "text", 1, 1, 1, 0, 0),
        ("two-0", "vqa", "preference", "visual", 1, 2, 4, 1, 576),
    }
