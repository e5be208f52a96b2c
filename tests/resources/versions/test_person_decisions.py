"""Decisions of persons over a real lake: they outrank the rules in the next version, show, and lapse with their row."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import DECISIONS, VERDICTS
from ops.decision.overruling import Decision
from ops.decision.policy import Action, Condition, Policy, Rule
from resources.config.settings import Settings, load_settings
from resources.lake.tables import Lake
from resources.versions.explanation import why
from resources.versions.person_decisions import record_decisions, standing_decisions
from resources.versions.policy_trial import try_policy
from resources.versions.publishing import compare, publish
from tests.support.versions import build, deliver, fill

LONG = Rule("long", "difficulty", (Condition.parse("answer_words > 6"),), Action.HOLD, "long")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return replace(load_settings(), policy=Policy((LONG,)))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def decision(lake: Lake, example: str, action: str, *, by: str = "Ana", why: str = "a joke") -> Decision:
    (row,) = lake.read(EXAMPLES, where={"example_id": example}).to_pylist()
    return Decision(example, row["content_id"], action, by, why, datetime.now(UTC))


def judged(lake: Lake, version: int) -> dict[str, str]:
    rows = lake.read(VERDICTS, where={"version": version}).to_pylist()
    return {row["example_id"]: row["action"] for row in rows}


def test_they_outrank_the_rules_in_the_next_version_and_in_no_earlier_one(lake: Lake, settings: Settings) -> None:
    ids = fill(lake)
    publish(lake, build(lake, settings), {})
    held, kept = ids["a"][2], ids["b"][0]
    assert record_decisions(lake, [decision(lake, held, "keep"), decision(lake, kept, "drop")]) == 2
    following = build(lake, settings)
    publish(lake, following, {})
    assert judged(lake, 1)[held] == "hold"
    assert judged(lake, 2) == judged(lake, 1) | {held: "keep", kept: "drop"}
    assert following.counts["rules"] == {"decision": 2, "long": 1}
    changes = compare(lake, 1, 2)
    assert changes.counts["added"] == {"all": 1, "new decision": 1}
    assert changes.counts["removed"] == {"all": 1, "new decision": 1}
    assert not build(lake, settings).fresh, "nothing has changed since"


def test_what_was_said_before_is_no_news_and_may_be_taken_back(lake: Lake, settings: Settings) -> None:
    example = fill(lake)["a"][2]
    kept = decision(lake, example, "keep")
    first = build(lake, settings).content
    assert [record_decisions(lake, [kept]), record_decisions(lake, [kept])] == [1, 0]
    decided = build(lake, settings).content
    assert record_decisions(lake, [decision(lake, example, "clear"), decision(lake, example, "clear")]) == 2
    assert record_decisions(lake, [decision(lake, example, "clear")]) == 0
    assert standing_decisions(lake) == {}
    assert decided != first == build(lake, settings).content
    states = [(row["action"], row["state"]) for row in why(lake, example).decisions]
    assert states == [("keep", "replaced"), ("clear", "replaced"), ("clear", "taken back")]


def test_they_lapse_when_the_content_changes_and_stay_when_it_is_delivered_again(
    lake: Lake, settings: Settings
) -> None:
    answers = ["yes", "a rather long answer with many words"]
    old = deliver(lake, "a", "a-1", answers)
    record_decisions(lake, [decision(lake, old[0], "drop"), decision(lake, old[1], "keep")])
    new = deliver(lake, "a", "a-2", [answers[0], "another rather long answer with many words"])
    assert (new[0] == old[0], new[1] == old[1]) == (True, False)
    made = build(lake, settings, deliveries=["a-2"], measures={"difficulty": "d0"})
    assert judged(lake, made.version) == {new[0]: "drop", new[1]: "hold"}
    (lapsed,) = why(lake, new[1]).decisions
    assert (lapsed["state"], lapsed["action"], lapsed["example_id"]) == ("lapsed", "keep", old[1])


def test_another_policy_is_tried_under_the_decisions_of_its_version(lake: Lake, settings: Settings) -> None:
    ids = fill(lake)
    record_decisions(lake, [decision(lake, ids["b"][0], "keep")])
    publish(lake, build(lake, settings), {})
    record_decisions(lake, [decision(lake, ids["b"][1], "drop")])
    short = Rule("short", "difficulty", (Condition.parse("answer_words < 2"),), Action.DROP, "short")
    trial = try_policy(lake, Policy((short,)))
    left = {row["example_id"] for row in trial.change.rows.to_pylist() if row["change"] == "removed"}
    assert left == {*ids["a"][:2], *ids["b"][1:]}


def test_the_log_names_the_row_that_was_looked_at(lake: Lake) -> None:
    example = fill(lake)["b"][3]
    record_decisions(lake, [decision(lake, example, "drop")])
    (row,) = lake.read(DECISIONS).to_pylist()
    assert (row["drop"], row["source_id"], row["by"], row["why"]) == ("b", "3", "Ana", "a joke")
