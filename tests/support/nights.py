"""Deliveries that speak about the same, in a lake, and what an audit of the corpus measures of some of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from ops.audits.contract import KEYS, Audit
from ops.audits.near_duplicates import NearDuplicateSettings
from ops.audits.preference_likeness import LikenessSettings
from ops.audits.reward_leaks import RewardLeakSettings
from ops.audits.semantic_duplicates import SemanticDuplicateSettings
from ops.core.identity import text_id
from ops.core.measure_schemas import EMBEDDINGS
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


def measured(spark: SparkSession, lake: Lake, audit: Audit, drops: list[str], days: float) -> list[dict[str, Any]]:
    deliveries = [f"{name}-0" for name in drops]
    settings = SETTINGS.get(audit.name, audit.settings)
    identity = measure_corpus(
        lambda: spark, lake, audit, deliveries=deliveries, settings=settings, encoder="e", whole_days=days
    )
    rows = lake.read(audit.table, where={"identity": identity}).drop_columns(["identity"]).to_pylist()
    return sorted(rows, key=lambda row: [str(row[name]) for name in KEYS[audit.grain].names])
