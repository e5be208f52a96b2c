"""Removals by group of a sample: told for certain, held to the limit, and let pass by who signs it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.core.errors import UnusableError
from ops.core.measure_schemas import CANARY_GROUPS
from ops.gates.group_recall import BOTH
from ops.gates.guards import GuardSettings
from resources.gates.gates import run_gate
from resources.gates.overrides import Override, overrides, record_override
from resources.gates.removal import removal_facts
from resources.gates.sample import Sample
from resources.gates.suites import removal_suites
from resources.lake.tables import Lake
from tests.support.removed import NO_PICTURES, sampled

NOW = datetime.now(UTC)


def rows_of(lake: Lake, sample: Sample) -> dict[tuple[str, str], dict[str, Any]]:
    facts = removal_facts(lake, sample, NO_PICTURES)
    return {(row["family"], row["group"]): row for row in facts.to_pylist()}


def test_a_group_that_loses_more_is_told_from_chance(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    rows = rows_of(lake, sampled(of_german=0.3, of_english=0.1))
    german = rows["language", "de"]
    assert (german["examples"], german["removed"]) == (200, 60)
    assert german["odds_ratio"] == pytest.approx((0.3 / 0.7) / (0.1 / 0.9), rel=0.01)
    assert german["beyond"] == german["odds_low"] > german["random_high"]
    assert rows["language", "en"]["beyond"] is None
    assert rows["dataset", "a"]["odds_ratio"] == pytest.approx(1.0)
    assert next(iter(rows)) == ("language", "de")
    even = rows_of(lake, sampled(of_german=0.1, of_english=0.1))
    assert {row["beyond"] for row in even.values()} == {None}


@pytest.mark.full
def test_the_gate_stops_it_until_a_person_lets_it_pass(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    sample = sampled(of_german=0.3, of_english=0.1)

    def gate() -> Any:
        facts = {"removal": removal_facts(lake, sample, NO_PICTURES)}
        suites = removal_suites(GuardSettings(removed_limit_odds=2.0))
        return run_gate("candidate", "version 1", facts, suites=suites, run="r", history=None)

    stopped = gate()
    assert not stopped.success
    assert "group 'de': beyond 2." in stopped.message
    record_override(lake, Override.of("language=de", by="Ana", why="mostly wrong", until=NOW + timedelta(days=30)))
    passed = gate()
    assert passed.success
    (row,) = [row for row in passed.results["facts"]["removal"] if row["group"] == "de"]
    assert row["override"] == f"Ana, until {NOW + timedelta(days=30):%Y-%m-%d}: mostly wrong"


def test_what_is_found_of_canaries_stands_beside_a_group_and_in_the_gates_words(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    counts = (("wrong_image", "de", 30, 9), ("wrong_image", "en", 70, 63), ("", "de", 200, 60), ("", "en", 600, 60))
    rows: list[dict[str, Any]] = []
    for fault, group, known, met in counts:
        keys = {"delivery": "d", "identity": "i", "at": NOW, "fault": fault, "rows": known, "met": met}
        rows += [keys | {"family": "language", "group": group}, keys | {"family": "dataset", "group": "a"}]
    lake.write(CANARY_GROUPS, pa.Table.from_pylist(rows, schema=CANARY_GROUPS.schema), partition={}, once="i")
    facts = {"removal": removal_facts(lake, sampled(of_german=0.3, of_english=0.1), NO_PICTURES)}
    words = {row["group"]: row["canaries"] for row in facts["removal"].to_pylist()}
    assert words["de"].startswith(f"{BOTH} (canaries found: 9 of 30, ")
    assert words["en"].startswith("canaries found: 63 of 70, ")
    suites = removal_suites(GuardSettings(removed_limit_odds=2.0))
    gate = run_gate("candidate", "version 1", facts, suites=suites, run="r", history=None)
    assert f"(language; {BOTH} (canaries found: 9 of 30" in gate.message


def test_an_override_is_signed_has_a_reason_and_runs_out(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    record_override(lake, Override.of("terms=women", by="Ana", why="known", until=NOW + timedelta(days=1)))
    assert overrides(lake)["terms", "women"].words.startswith("Ana, until 2")
    assert overrides(lake, NOW + timedelta(days=2)) == {}
    record_override(lake, Override.of("terms=women", by="Bo", why="no more", until=NOW - timedelta(days=1)))
    assert overrides(lake) == {}
    for named, by, why in (("dataset=x", "A", "w"), ("terms", "A", "w"), ("terms=x", " ", "w"), ("terms=x", "A", "")):
        with pytest.raises(UnusableError):
            Override.of(named, by=by, why=why, until=NOW)
