"""Canaries held against what is asked for, and against those of the deliveries before."""

from pathlib import Path

import pytest

from ops.gates.guards import GuardSettings
from resources.gates.canaries import canary_gates, latest_canaries, missed_canaries
from resources.gates.gates import GateResult
from resources.lake.tables import Lake
from tests.support.flown import fly

ASKED = GuardSettings(least_recall={"wrong_image": 0.5})


def judged(lake: Lake, delivery: str, settings: GuardSettings) -> tuple[GateResult, GateResult]:
    return canary_gates(latest_canaries(lake), delivery, drop="d", settings=settings, history=lake.storage)


@pytest.mark.parametrize(("caught", "planted", "passes"), [(45, 100, True), (30, 100, False), (1, 4, True)])
def test_only_a_recall_that_cannot_be_chance_fails(tmp_path: Path, caught: int, planted: int, passes: bool) -> None:
    lake = Lake(tmp_path)
    fly(lake, "a", caught, planted=planted)
    gate, steady = judged(lake, "a", ASKED)
    assert (gate.success, steady.success) == (passes, True)
    assert (missed_canaries(lake, ["a"], ASKED) == {}) == passes
    if not passes:
        assert "fault 'wrong_image': recall_high 0.3958 < 0.5" in gate.message
        assert "30 of 100 canaries found" in missed_canaries(lake, ["a"], ASKED)["a"].failures[0]
    assert missed_canaries(lake, ["a"], GuardSettings()) == {}


def test_a_fall_against_the_deliveries_before_is_told(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for hour, (delivery, caught) in enumerate([("a", 80), ("b", 90), ("c", 50), ("d", 82)]):
        fly(lake, delivery, caught, hour=hour)
    falls = {name: judged(lake, name, GuardSettings())[1] for name in latest_canaries(lake)}
    assert [name for name, gate in falls.items() if not gate.success] == ["c"]
    assert "recall_high 0.5962 < 0.7939" in falls["c"].message
    assert "earlier_recall" in falls["c"].results["facts"]["canaries"][0]


def test_the_last_flight_of_a_delivery_counts(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    fly(lake, "a", 10, hour=0)
    fly(lake, "a", 90, hour=1, identity="softer")
    assert missed_canaries(lake, ["a"], ASKED) == {}
    assert [outcome.caught for outcome in latest_canaries(lake)["a"]] == [90, 90]


def test_the_flight_of_the_drop_and_that_among_the_corpus_both_count(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    fly(lake, "a", 10, hour=0)
    fly(lake, "a", 20, hour=1, identity="corpus", fault="reworded_copy")
    fly(lake, "a", 30, hour=2, identity="softer corpus", fault="reworded_copy")
    caught = {outcome.fault: outcome.caught for outcome in latest_canaries(lake)["a"]}
    assert caught == {"wrong_image": 10, "reworded_copy": 30}


def test_a_delivery_without_canaries_passes_whether_others_have_some(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for _ in range(2):
        assert [gate.success for gate in judged(lake, "a", ASKED)] == [True, True]
        assert missed_canaries(lake, ["a"], ASKED) == {}
        fly(lake, "b", 10)


@pytest.mark.parametrize(
    ("least", "message"),
    [({"blindness": 0.5}, "no canary has"), ({"wrong_image": 2}, "share"), ({"reworded_copy": 0.5}, "has entered")],
)
def test_what_cannot_be_asked_for_is_refused(least: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GuardSettings(least_recall=least)
