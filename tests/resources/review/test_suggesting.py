"""Limits that labels suggest for rules: held to the labels, and written into the text of an assay.yaml."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ops.core.errors import MissingError
from ops.core.measure_schemas import CANARY_RULES
from ops.core.version_schemas import VERDICTS
from ops.decision.policy import Action, Condition, OneLess, Policy, Rule
from ops.decision.rule_scores import Limit, limit_of, scores
from pipelines import policy_commands  # noqa: F401  adds its commands to `app`
from pipelines.app import app
from resources.config.located_yaml import SettingsError
from resources.config.policy_edits import policy_diff
from resources.lake.tables import Lake
from resources.review.calibrating import take_labels
from resources.review.sampling import write_sample
from resources.review.suggesting import suggest
from resources.versions.publishing import publish, version_of
from tests.support.held_lake import held_settings, lake_of_held
from tests.support.labelled import labels
from tests.support.versions import build, write_measures

CONFIG = """\
policy:
  rules:
    - name: odd      # as it was tried
      audit: preference_likeness
      when: [likeness >= 0.9]   # too strict
      action: hold
      reason: odd
"""


def test_the_first_limit_of_a_real_valued_column_is_moved() -> None:
    schema = pa.schema([("parts", pa.int32()), ("p_value", pa.float32()), ("margin", pa.float64())])
    conditions = [Condition.parse(text) for text in ("parts >= 3", "p_value >= 0.5", "margin < 2", "parts != 4")]
    rule = Rule("r", "a", tuple(conditions), Action.HOLD, "")
    assert limit_of(rule, schema) == Limit(Condition.parse("p_value >= 0.5"))
    assert limit_of(replace(rule, when=(conditions[0],)), schema) is None


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.one_of(st.none(), st.floats(-9, 9))), max_size=20),
    st.sampled_from([">", ">=", "<", "<="]),
    st.floats(-9, 9),
)
def test_a_rule_speaks_of_the_examples_whose_score_meets_its_limit(
    rows: list[tuple[int, int, float | None]], comparison: str, value: float
) -> None:
    columns = [("example_id", pa.string()), ("parts", pa.int32()), ("z", pa.float64())]
    batch = pa.RecordBatch.from_pylist(
        [{"example_id": f"{i}", "parts": parts, "z": z} for i, parts, z in rows], schema=pa.schema(columns)
    )
    limit = Limit(Condition("z", comparison, value))
    rule = Rule("r", "a", (Condition.parse("parts >= 2"), limit.condition), Action.HOLD, "")
    near = scores([batch], rule, limit)
    met = set(batch.filter(rule.mask(batch))["example_id"].to_pylist())
    reached = limit.met(np.array(list(near.values())))
    assert {name for name, flagged in zip(near, reached, strict=True) if flagged} == met


def test_conditions_are_changed_where_they_stand() -> None:
    edit = Condition.parse("likeness >= 0.9"), Condition.parse("likeness >= 0.75")
    diff = policy_diff(CONFIG, {"odd": edit, "other": edit}, name="a.yaml")
    assert "-      when: [likeness >= 0.9]   # too strict\n" in diff
    assert "+      when: [likeness >= 0.75]   # too strict\n" in diff
    assert policy_diff(CONFIG, {}, name="a.yaml") == ""
    spread = CONFIG.replace("[likeness >= 0.9] ", "[likeness\n          >= 0.9] ")
    with pytest.raises(SettingsError, match="edit it by hand"):
        policy_diff(spread, {"odd": edit}, name="a.yaml")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    """Forty examples, of which the n-th has a likeness of n / 40, and those from 0.6 on are faulty."""
    lake, _ = lake_of_held(tmp_path_factory.mktemp("suggested") / "lake", count=40)
    ids = sorted(lake.read(VERDICTS)["example_id"].to_pylist())
    measured = [
        {"delivery": "d-1", "example_id": name, "turn": 0, "rejected_probability": n / 40} for n, name in enumerate(ids)
    ]
    write_measures(lake, "preference_likeness", "p0", measured)
    identities = {"difficulty": "d0", "duplicates": "u0", "preference_likeness": "p0"}
    publish(lake, build(lake, held_settings(), deliveries=["d-1"], measures=identities), {})
    flight = {"delivery": "d-1", "identity": "i", "at": datetime.now(UTC), "audit": "preference_likeness"}
    canaries = [
        flight
        | {"rule": rule, "fault": fault, "own": 1000, "scores": scores, "own_reached": reached, "planted": planted}
        for rule, fault, planted, scores, reached in (
            ("odd", "wrong_image", 4, [0.5, 0.7, 0.95], [9, 1, 0]),
            ("many", "wrong_image", 20, [0.3] * 4 + [0.5] * 8 + [0.8] * 8, [100] * 4 + [4] * 8 + [1] * 8),
            ("many", "false_object", 20, [0.7] * 10, [3] * 10),
        )
    ]
    lake.write(CANARY_RULES, pa.Table.from_pylist(canaries, schema=CANARY_RULES.schema), partition={}, once="i")
    return lake, ids


def test_canaries_suggest_where_no_label_tells(lake: tuple[Lake, list[str]]) -> None:
    store, _ = lake
    rule = Rule("odd", "preference_likeness", (Condition.parse("rejected_probability >= 0.9"),), Action.HOLD, "odd")
    many, none = replace(rule, name="many"), replace(rule, name="none")
    (suggestion,) = suggest(store, version_of(store, 2), Policy((many, none)), target=0.85)
    assert suggestion.by == "canaries"
    assert suggestion.proposed is not None
    # From 0.5 on 26 canaries of both faults and 4 own rows, from 0.3 on 30 and 100.
    assert str(suggestion.proposed.condition) == "rejected_probability >= 0.5"
    assert suggestion.proposed.precision.value == pytest.approx(26 / 30)
    assert suggestion.proposed.precision.low < 26 / 30 < suggestion.proposed.precision.high
    assert suggestion.proposed.recall.value == suggestion.proposed.canaries == pytest.approx(26 / 40)
    (stricter,) = suggest(store, version_of(store, 2), Policy((many,)), target=0.99)
    assert stricter.proposed is None
    with pytest.raises(MissingError, match="no canary comes near a limit"):
        suggest(store, version_of(store, 2), Policy((none,)), target=0.9)


def test_the_laxest_limit_that_is_right_often_enough_is_suggested(lake: tuple[Lake, list[str]], tmp_path: Path) -> None:
    store, ids = lake
    drawn = write_sample(store, version_of(store, 2), tmp_path, rows=40, seed=2, measure="difficulty.answer_words")
    faulty = {name for n, name in enumerate(ids) if n >= 24}
    take_labels(store, [labels(store, tmp_path / "a.csv", drawn.sample, by="Ana", faulty=faulty)])
    rule = Rule("odd", "preference_likeness", (Condition.parse("rejected_probability >= 0.9"),), Action.HOLD, "odd")
    weighing = replace(rule, name="weigh", action=Action.DOWNWEIGHT, weight=OneLess("rejected_probability"))
    (suggestion,) = suggest(store, version_of(store, 2), Policy((rule, weighing)), target=0.99)
    assert suggestion.proposed is not None
    assert str(suggestion.proposed.condition) == "rejected_probability >= 0.6"
    assert (suggestion.now.precision.value, suggestion.proposed.precision.value) == (1.0, 1.0)
    assert suggestion.proposed.recall.value == pytest.approx(1.0)
    assert (suggestion.now.canaries, suggestion.proposed.canaries) == (0.25, 0.5)
    config = tmp_path / "a.yaml"
    config.write_text(CONFIG.replace("likeness >=", "rejected_probability >="), "utf-8")
    words = ["policy", "suggest", "--lake", str(store.root), "--config", str(config), "--target", "0.99"]
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert answer["suggestions"][0]["proposed"]["condition"] == "rejected_probability >= 0.6"
    assert "+      when: [rejected_probability >= 0.6]   # too strict" in answer["diff"]
    assert answer["diff"] in CliRunner().invoke(app, words).output
