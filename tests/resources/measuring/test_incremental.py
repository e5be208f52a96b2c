"""Corpus audits that measure what changed say what they say of all rows, whatever came, went, or was corrected."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ops.audits.contract import KEYS, Audit, Scope
from ops.audits.near_duplicates import NearDuplicateSettings
from ops.audits.preference_likeness import LikenessSettings
from ops.audits.registry import audits_of
from ops.audits.reward_leaks import RewardLeakSettings
from ops.audits.semantic_duplicates import SemanticDuplicateSettings
from ops.core.identity import text_id
from ops.core.key_schemas import CLUSTER_CENTRES
from ops.core.log import Log
from ops.core.measure_schemas import CORPUS_JOBS, EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.text.turn_rows import TURN_RULES, TURN_TABLES, turns_of
from ops.vision.colours import picture_facts
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from resources.measuring.recorded import record_embedded
from tests.support.corpora import Dialogue, Judged, tables, unit
from tests.support.prompt_examples import examples_of, prompt, prompts_of

SETTINGS: dict[str, Any] = {
    "preference_likeness": LikenessSettings(fit_responses=8, fewest_responses=4),
    "reward_leaks": RewardLeakSettings(fewest_words=2, far=0.4, lead=0.05, most_responses=12, held_out=("b",)),
    "near_duplicates": NearDuplicateSettings(threshold=0.4, words=1),
    "semantic_duplicates": SemanticDuplicateSettings(cluster_examples=12, group_examples=5),
}
"""Of audits whose own would find little in so few words."""
LINKED = [audit for audit in audits_of(Scope.CORPUS) if audit.links]
IMAGE_IDS = [f"picture{n}" for n in range(6)]
HASHES = [0, 1, 2**64 - 1, 2**64 - 4, 2**32 - 1, None]
"""Of the pictures: the first two are alike, the next two are, the last two are like none."""
QUERIES = ["What is it?", "Is it red?", "How many are there?", "Is it red ?", "What is shown in the picture?", ""]
ANSWERS = ["yes", "no", "two", "three", "A brown dog runs over the wide green lawn.", "A brown dog runs over the lawn."]
ANSWERS += ["A dog runs over the wide green lawn.", "Two grey lorries stand before a tall old tower."]


def delivery(name: str, draw: np.random.Generator, rows: int) -> dict[str, pa.Table]:
    """Random rows that speak about the same pictures in the same words as those of every other delivery, pairs and
    prompts in fewer words, so that they clash; the first small one judges nothing."""
    made: list[Judged | Dialogue] = []
    truths: list[dict[str, Any]] = []
    for n in range(rows):
        about: dict[str, Any] = {
            "source_id": f"{name}-{n % (rows - 1)}",
            "drop": name,
            "dataset": draw.choice(["a", "b"]),
        }
        image, query = str(draw.choice([*IMAGE_IDS, ""])), str(draw.choice(QUERIES))
        answer, other = (str(text) for text in draw.choice(ANSWERS, 2, replace=False))
        kind = draw.random() * (0.45 if name == "small0" else 1)
        if kind < 0.45:
            turns = [(query, answer)] + [(str(draw.choice(QUERIES)), other)] * (kind < 0.2)
            made.append(Dialogue(tuple(turns), image=image or None, **about))
        elif kind < 0.85:
            who = [None, "ada", "ben", "cyd"][draw.integers(4)]
            image, query = str(draw.choice(IMAGE_IDS)), str(draw.choice(QUERIES[:3]))
            answer, other = (str(text) for text in draw.choice(ANSWERS[:4], 2, replace=False))
            made.append(Judged(answer, other, image=image, query=query, annotator=who, **about))
        elif kind < 0.93:
            label = str(draw.choice(["good", "bad"]))
            made.append(Judged(answer, label=label, image=image, query=query, **about))
        else:
            image, query = IMAGE_IDS[n % 2], QUERIES[n // 2 % 2]
            truth = str(draw.choice(["two", "three"]))
            truths.append(prompt(query, truth, source_id=f"{name}{n}", drop=name, image=image))
    measured = tables(made)
    asked = examples_of(truths)
    return measured | {"prompts": prompts_of(asked), "examples": pa.concat_tables([measured["examples"], asked])}


def a_lake(root: Path, deliveries: Mapping[str, Mapping[str, pa.Table]]) -> Lake:
    """The deliveries (named after their drops) with their pictures and vectors."""
    lake = Lake(root)
    for name, made in deliveries.items():
        for spec in (EXAMPLES, PREFERENCES, PROMPTS, *TURN_TABLES):
            partition = {"delivery": f"{name}-0"} | ({"rules": TURN_RULES} if spec in TURN_TABLES else {})
            once = turns_of(f"{name}-0") if spec in TURN_TABLES else f"{name}-0"
            lake.write(spec, made[spec.name], partition=partition, once=once)
        record_embedded(lake, f"{name}-0", "e")
    facts = [
        {
            "image_id": image,
            "perceptual_hash": bits if bits is None else f"{bits:016x}",
            "colours": picture_facts(np.full((8, 8, 3), 90, np.uint8)),
        }
        for image, bits in zip(IMAGE_IDS, HASHES, strict=True)
    ]
    lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(facts, schema=IMAGES.schema), {}))
    rng = np.random.default_rng(1)
    for modality, ids in (("text", [text_id(text) for text in QUERIES + ANSWERS]), ("image", IMAGE_IDS)):
        vectors = [{"content_id": name, "vector": unit(rng.normal(size=4) + 3).tobytes()} for name in ids]
        schema = pa.schema([EMBEDDINGS.schema.field(name) for name in ("content_id", "vector")])
        stored = pa.Table.from_pylist(vectors, schema=schema)
        lake.write(EMBEDDINGS, stored, partition={"encoder": "e", "modality": modality}, once=modality)
    return lake


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


def measured(spark: SparkSession, lake: Lake, audit: Audit, drops: list[str], days: float) -> list[dict[str, Any]]:
    deliveries = [f"{name}-0" for name in drops]
    settings = SETTINGS.get(audit.name, audit.settings)
    identity = measure_corpus(
        lambda: spark, lake, audit, deliveries=deliveries, settings=settings, encoder="e", whole_days=days
    )
    rows = lake.read(audit.table, where={"identity": identity}).drop_columns(["identity"]).to_pylist()
    return sorted(rows, key=lambda row: [str(row[name]) for name in KEYS[audit.grain].names])
