"""What canaries of the corpus tell of a drop's own rows: kept by the lake, and read as a version reads it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from ops.audits.registry import all_audits
from ops.core.measure_schemas import CANARY_CHANCES
from ops.core.schemas import EXAMPLES
from resources.config.settings import load_settings
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from resources.measuring.corpus_canaries import fly_corpus_canaries, missing_corpus_flight
from resources.versions.canary_chances import chances_of_example, known_chances
from tests.support.corpora import Dialogue, tables

pytestmark = pytest.mark.timeout(900)
ROWS, COPIES = 120, 8
AUDIT = all_audits()["near_duplicates"]


def delivered(root: Path) -> Lake:
    """Long answers, of which the last are those of the first with one word changed."""
    draw = np.random.default_rng(0)
    words = [f"word{n}" for n in range(400)]
    texts = [f"A bus near a wall. {' '.join(draw.choice(words, 60))}" for _ in range(ROWS)]
    texts += [f"{text} again" for text in texts[:COPIES]]
    rows = [Dialogue([(f"What is told in {n % ROWS}?", text)], image=None) for n, text in enumerate(texts)]
    lake = Lake(root)
    lake.write(EXAMPLES, tables(rows)["examples"], partition={"delivery": "one-0"}, once="one-0")
    return lake


@pytest.mark.full
def test_near_copies_among_own_rows_are_likely_and_others_have_no_chance(spark: SparkSession, tmp_path: Path) -> None:
    lake, settings, deliveries = delivered(tmp_path), load_settings(), ["one-0"]
    chosen = settings.audit(AUDIT.name)
    identity = measure_corpus(lambda: spark, lake, AUDIT, deliveries=deliveries, settings=chosen, encoder="none")
    copies = lake.read(AUDIT.table)["example_id"].to_pylist()
    assert len(copies) == COPIES
    flight = missing_corpus_flight(lake, deliveries, settings=settings, encoder="none")
    assert flight is not None
    alone = replace(flight, audits=(AUDIT,), policy=replace(flight.policy, rules=()))
    fly_corpus_canaries(lambda: spark, lake, alone, deliveries=deliveries, settings=settings, encoder="none")
    measures = {AUDIT.name: identity}
    known = known_chances(lake, deliveries, measures, pinned={CANARY_CHANCES.name: lake.version(CANARY_CHANCES)})
    model = known[AUDIT.name]["one-0"].model
    assert (model.why, model.own) == ("", ROWS + COPIES)
    assert len(model.canaries) == 50
    assert model.low <= COPIES / (ROWS + COPIES) <= model.high
    likely = [
        chances_of_example(lake, known, name, measures=measures, delivery="one-0")[AUDIT.name]["probability"]
        for name in copies
    ]
    assert np.mean(likely) > 0.8
    others = {*lake.read(EXAMPLES)["example_id"].to_pylist()} - {*copies}
    assert chances_of_example(lake, known, min(others), measures=measures, delivery="one-0") == {}
