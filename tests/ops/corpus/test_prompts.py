"""The corpus audits of RL prompts, on prompts whose figures are known."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.schemas import IMAGES, PREFERENCES
from ops.text.turn_rows import turn_rows
from ops.vision.colours import picture_facts
from tests.support.corpora import message
from tests.support.prompt_examples import by_source, examples_of, prompt, prompts_of
from tests.support.stored_keys import stored_keys

pytestmark = pytest.mark.full

RED = picture_facts(np.full((8, 8, 3), (200, 20, 20), np.uint8))
HASHES = {"picture": f"{0xF0F0:016x}", "scaled": f"{0xF0F3:016x}", "another": f"{0xFFFF0000:016x}"}


def corpus(spark: SparkSession, audit: Audit, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    examples = examples_of(rows)
    schema = pa.schema([field for field in IMAGES.schema if field.name != "bytes"])
    looks = [{"image_id": name, "perceptual_hash": look, "colours": RED} for name, look in HASHES.items()]
    made = {"examples": examples, **turn_rows(examples), "prompts": prompts_of(examples)}
    made["images"] = pa.Table.from_pylist(looks, schema=schema)
    made["preferences"] = PREFERENCES.schema.empty_table()
    made |= stored_keys(made)
    measures = audit.measure({name: spark.createDataFrame(made[name]) for name in audit.reads}, audit.settings)
    return by_source(measures.toArrow().to_pylist(), rows)


def test_the_same_prompt_with_different_truths(spark: SparkSession):
    rows = [
        prompt("How many?", "2", source_id="two"),
        prompt("how  many?", "two", source_id="in words", drop="other"),
        prompt("How many?", "3", source_id="three"),
        prompt("How many?", "3", source_id="elsewhere", image="another"),
        prompt("What is x?", r"\frac{1}{2}", source_id="fraction"),
        prompt("What is x?", "0.5", source_id="decimal"),
        prompt("What is y?", r"\sqrt{4}", source_id="root"),
        prompt("What is y?", "3", source_id="wrong"),
        prompt("What is z?", None, source_id="none"),
        prompt("What is z?", "1", source_id="one"),
    ]
    measures = corpus(spark, all_audits()["truth_contradictions"], rows)
    assert set(measures) == {"two", "in words", "three", "root", "wrong"}
    assert {key: row["is_majority"] for key, row in measures.items()} == {
        "two": True, "in words": True, "three": False, "root": None, "wrong": None,
    }  # fmt: skip
    assert (measures["three"]["other_truth"], measures["three"]["votes"], measures["three"]["examples"]) == ("2", 1, 3)
    assert measures["two"]["group_id"] == measures["three"]["group_id"] != measures["root"]["group_id"]


def sft(question: str, answer: str, source_id: str, image: str) -> dict[str, Any]:
    return prompt(question, None, source_id=source_id, image=image, drop="sft") | {
        "kind": "sft",
        "messages": [message("user", question, image), message("assistant", answer)],
    }


def test_prompts_that_sft_has_taught(spark: SparkSession):
    rows = [
        prompt("How many dogs run? Put the number in <answer> tags.", "2", source_id="taught"),
        prompt("How many dogs run?", "3", source_id="answered otherwise"),
        prompt("What colour is it?", "red", source_id="image alone", image="scaled"),
        prompt("How many dogs run?", "2", source_id="question alone", image="another"),
        prompt("Where?", "here", source_id="nothing", image="another"),
        sft("How many dogs run?", "There are two.", "a", "picture"),
        sft("Describe the picture.", "Two dogs run.", "b", "picture"),
    ]
    measures = corpus(spark, all_audits()["sft_overlap"], rows)
    counts = {key: [row[name] for name in ("images", "questions", "both", "answered")] for key, row in measures.items()}
    assert counts == {
        "taught": [2, 1, 1, 1],
        "answered otherwise": [2, 1, 1, 0],
        "image alone": [2, 0, 0, 0],
        "question alone": [0, 1, 0, 0],
    }
    assert measures["taught"]["sft_example"] == rows[5]["example_id"]
