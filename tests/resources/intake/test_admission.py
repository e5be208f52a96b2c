"""Which delivery of a drop counts, whatever came when."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.core.schemas import DROPS, EXAMPLES, TableSpec
from ops.gates.guards import GuardSettings
from resources.intake.admission import admit, drop_source, last_delivery
from resources.intake.corpus_drops import admitted_deliveries, admitted_delivery, admitted_drops
from resources.lake.tables import Lake
from tests.support.examples import examples
from tests.support.standing_lake import arrive

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


STATES = ("arrived", "admitted", "rejected", "superseded", "withdrawn")


@settings(max_examples=examples(40))
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.sampled_from(STATES)), min_size=1, max_size=30
    )
)
def test_the_corpus_is_the_last_admitted_delivery_of_each_drop(
    rows: list[tuple[str, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the log says, in any order: against the definition, written out delivery by delivery."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lake.log(DROPS, lambda log: [{"drop": d, "delivery": f"{d}-{n}", "state": state} for d, n, state in rows])
    names = [f"{drop}-{number}" for drop, number, _ in rows]
    last = {name: rows[at][2] for at, name in enumerate(names)}
    first = {name: names.index(name) for name in names}
    wanted: dict[str, str] = {}
    for drop in "abc":
        of_drop = [name for name in names if name[0] == drop and last[name] == "admitted"]
        if of_drop:
            wanted[drop] = max(of_drop, key=lambda name: first[name])
    assert admitted_drops(lake) == wanted
    entered = {drop: at for at, (drop, _, state) in reversed(list(enumerate(rows))) if state == "admitted"}
    assert admitted_deliveries(lake) == [wanted[drop] for drop in sorted(wanted, key=lambda drop: entered[drop])]


class CountingLake(Lake):
    """A lake that counts how often the log of drops is read."""

    reads = 0

    def read(self, spec: TableSpec, **chosen: Any) -> Any:
        self.reads += spec is DROPS
        return super().read(spec, **chosen)


def test_the_log_is_read_once_however_many_drops_there_are(tmp_path: Path) -> None:
    lake = CountingLake(tmp_path / "lake")
    entered = [(f"d{n}", state) for n in range(60) for state in ("arrived", "admitted")]
    rows = [{"drop": drop, "delivery": f"{drop}-1", "state": state} for drop, state in entered]
    lake.log(DROPS, lambda log: rows)
    assert len(admitted_drops(lake)) == 60
    assert lake.reads == 1
