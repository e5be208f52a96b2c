"""Diversity of a version in a real lake: a removal that falls on one kind of picture shows, an even one does not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ops.core.identity import digest
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from ops.core.tasks import InProcess
from ops.core.version_schemas import VERDICTS
from ops.decision.mix import MixSettings
from resources.gates.candidate import Stored, facts_of
from resources.lake.tables import Lake

KINDS, SIZE = 8, 60


def fill(lake: Lake, removed: np.ndarray) -> None:
    """480 examples of eight kinds of picture and answer, each with a picture of its own; some are dropped."""
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(KINDS), SIZE)
    vectors = np.eye(16)[kind] + 0.05 * rng.normal(size=(len(kind), 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f2")
    ids = [digest(str(n)) for n in range(len(kind))]
    same = {"drop": "a", "delivery": "a-1", "kind": "sft", "dataset": "d"}
    rows = [
        same | {"example_id": ids[n], "source_id": str(n), "image_ids": [f"image-{n}"], "messages": messages(int(k))}
        for n, k in enumerate(kind)
    ]
    lake.write(EXAMPLES, pa.Table.from_pylist(rows, schema=EXAMPLES.schema), partition={"delivery": "a-1"}, once="a")
    table = [
        {"encoder": "e", "modality": "image", "content_id": f"image-{n}", "vector": vectors[n].tobytes()}
        for n in range(len(kind))
    ]
    partition = {"encoder": "e", "modality": "image"}
    lake.write(EMBEDDINGS, pa.Table.from_pylist(table, schema=EMBEDDINGS.schema), partition=partition, once="e")
    judged = [
        {**row, "version": 1, "action": "drop" if gone else "keep", "weight": float(not gone), "reasons": []}
        for row, gone in zip(rows, removed, strict=True)
    ]
    verdicts = pa.Table.from_pylist(judged, schema=VERDICTS.schema)
    lake.write(VERDICTS, verdicts, partition={"version": 1}, once="v")


def messages(kind: int) -> list[dict[str, object]]:
    part = {"type": "text", "text": f"answer {kind}", "image_id": None}
    return [{"role": "user", "parts": [part]}, {"role": "assistant", "parts": [part]}]


def facts(lake: Lake, encoder: str = "e") -> dict[str, pa.Table]:
    return facts_of(Stored(lake, 1, ("a-1",), {}, {}, encoder, MixSettings()), InProcess())


def ratios(lake: Lake) -> dict[str, float]:
    return {row["figure"]: row["ratio"] for row in facts(lake)["diversity"].to_pylist()}


def test_removing_one_kind_is_poorer_than_chance(tmp_path: Path):
    lake = Lake(tmp_path)
    fill(lake, np.repeat(np.arange(KINDS), SIZE) == 3)
    measured = ratios(lake)
    assert set(measured) == {"answer_bits", "vendi", "effective_rank", "cluster_coverage"}
    assert measured["answer_bits"] == pytest.approx(np.log2(7) / 3, abs=0.01)
    assert measured["vendi"] < 0.95
    assert measured["cluster_coverage"] < 0.95
    clusters = facts(lake)["clusters"].to_pylist()
    assert sum(row["examples"] for row in clusters) == KINDS * SIZE
    assert sum(row["removed"] for row in clusters) == SIZE
    assert {row["removed_share"] for row in clusters} == {0.0, 1.0}


def test_removing_evenly_is_as_good_as_chance(tmp_path: Path):
    lake = Lake(tmp_path)
    fill(lake, np.arange(KINDS * SIZE) % 8 == 3)
    figures = ("answer_bits", "vendi", "effective_rank", "cluster_coverage")
    assert ratios(lake) == pytest.approx(dict.fromkeys(figures, 1), abs=0.03)


def test_nothing_removed_or_nothing_embedded(tmp_path: Path):
    lake = Lake(tmp_path)
    fill(lake, np.zeros(KINDS * SIZE, dtype=bool))
    assert facts(lake)["diversity"].num_rows == 0
    other = Lake(tmp_path / "other")
    fill(other, np.arange(KINDS * SIZE) % 8 == 3)
    measured = facts(other, "another")
    assert measured["diversity"]["figure"].to_pylist() == ["answer_bits"]
    assert measured["clusters"].num_rows == 0
