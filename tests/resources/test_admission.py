"""Which delivery of a drop counts, whatever came when."""

from pathlib import Path

import pytest

from ops.guards import GuardSettings
from ops.schemas import DROPS, EXAMPLES
from resources.admission import admit, admitted_deliveries, admitted_delivery, drop_source, last_delivery
from resources.lake import Lake
from tests.resources.standing_lake import arrive

LIMITS = GuardSettings(quarantine_floor=0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def states(lake: Lake) -> list[tuple[str, str]]:
    return [(row["delivery"], row["state"]) for row in lake.read(DROPS).to_pylist()]


def test_a_good_delivery_enters_the_corpus_and_gating_again_changes_nothing(lake: Lake) -> None:
    arrive(lake, "a", "a-1")
    delivery, gate = admit(lake, "a", settings=LIMITS)
    assert (delivery, gate.success) == ("a-1", True)
    admit(lake, "a", settings=LIMITS)
    assert states(lake) == [("a-1", "arrived"), ("a-1", "admitted")]
    assert admitted_deliveries(lake) == ["a-1"]


def test_a_good_correction_takes_over_and_the_old_rows_stay(lake: Lake) -> None:
    for delivery in ("a-1", "a-2"):
        arrive(lake, "a", delivery)
        admit(lake, "a", settings=LIMITS)
    assert states(lake)[-2:] == [("a-2", "admitted"), ("a-1", "superseded")]
    assert admitted_deliveries(lake) == ["a-2"]
    assert lake.read(EXAMPLES, where={"delivery": "a-1"}).num_rows == 10


def test_a_bad_correction_leaves_the_old_delivery_in_the_corpus(lake: Lake) -> None:
    arrive(lake, "a", "a-1")
    admit(lake, "a", settings=LIMITS)
    arrive(lake, "a", "a-2", broken=4)
    delivery, gate = admit(lake, "a", settings=LIMITS)
    assert (delivery, gate.success) == ("a-2", False)
    assert "quarantine_share 0.4 > 0.05" in gate.message
    assert last_delivery(lake, "a") == "a-2"
    assert admitted_delivery(lake, "a") == "a-1"


def test_a_raised_limit_admits_what_was_rejected(lake: Lake) -> None:
    arrive(lake, "a", "a-1", broken=4)
    assert not admit(lake, "a", settings=LIMITS)[1].success
    assert admitted_deliveries(lake) == []
    assert admit(lake, "a", settings=GuardSettings(quarantine_limit=0.5))[1].success
    assert admitted_deliveries(lake) == ["a-1"]


def test_drops_do_not_touch_each_other(lake: Lake) -> None:
    for drop in ("2026-11-23", "007"):
        arrive(lake, drop, f"{drop}-1")
        admit(lake, drop, settings=LIMITS)
    assert admitted_deliveries(lake) == ["2026-11-23-1", "007-1"], "in the order in which they came"
    arrive(lake, "2026-11-23", "2026-11-23-2")
    admit(lake, "2026-11-23", settings=LIMITS)
    assert admitted_deliveries(lake) == ["2026-11-23-2", "007-1"], "a corrected drop keeps its place"


def test_what_is_unknown_says_what_to_do(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="assay run"):
        last_delivery(lake, "gone")
    with pytest.raises(LookupError, match="watched folder"):
        drop_source(lake, "gone", watched="")
    arrive(lake, "a", "a-1")
    assert drop_source(lake, "a", watched="") == "from/a"
