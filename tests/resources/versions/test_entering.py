"""What enters the next version: one drop never keeps the others out, and what is mended comes back."""

from dataclasses import replace
from pathlib import Path

import pytest

from ops.core.measure_schemas import MEASURES_GATES
from ops.core.version_schemas import VERSIONS
from ops.gates.guards import GuardSettings
from resources.config.settings import Settings, load_settings
from resources.gates.outcomes import measures_gates, record_gates, recorded_gates
from resources.intake.admission import admit, undo_withdrawal, withdraw
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.measuring.recorded import row_identities
from resources.versions.entering import decided, entering
from tests.support.flown import fly
from tests.support.standing_lake import arrive, judged, measured

ENCODER = "encoder"


@pytest.fixture(scope="module")
def settings() -> Settings:
    shipped = load_settings()
    return replace(shipped, gates=GuardSettings(quarantine_floor=0))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def deliver(lake: Lake, settings: Settings, drop: str, *, broken: int = 0, failing: tuple[str, ...] = ()) -> None:
    arrive(lake, drop, f"{drop}-1", broken=broken)
    if admit(lake, drop, settings=settings.gates)[1].success:
        measured(lake, f"{drop}-1", settings, ENCODER, failing=failing)


def publish(lake: Lake, *deliveries: str) -> None:
    row = {"version": 1, "state": "published", "deliveries": list(deliveries), "measures": "{}", "counts": "{}"}
    lake.log(VERSIONS, lambda log: [row])


def test_a_drop_that_fails_a_gate_leaves_the_others_in(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "good")
    deliver(lake, settings, "odd", failing=("claims", "grounding"))
    deliver(lake, settings, "broken", broken=4)
    now = entering(lake, settings=settings, encoder=ENCODER)
    assert (now.deliveries, now.without, now.blocking) == (("good-1",), {}, ())
    broken, odd = now.left_out
    assert (broken.drop, broken.state, broken.audits) == ("broken", "rejected", ())
    assert "quarantine_share 0.4 > 0.05" in broken.why
    assert broken.fix
    assert (odd.drop, odd.state, odd.audits) == ("odd", "gate", ("claims", "grounding"))
    assert odd.why == "claims: claims 1 > 0; grounding: grounding 1 > 0"
    assert "gates.failed_measures" in odd.fix


def test_the_setting_leaves_out_the_measures_and_not_the_drop(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "odd", failing=("claims", "grounding"))
    lenient = replace(settings, gates=replace(settings.gates, failed_measures="audit"))
    now = entering(lake, settings=lenient, encoder=ENCODER)
    assert now.deliveries == ("odd-1",)
    assert now.without == {"claims": ["odd-1"], "grounding": ["odd-1"]}
    assert [one.subject for one in now.left_out] == [
        "the measures of claims of drop 'odd'",
        "the measures of grounding of drop 'odd'",
    ]


def test_a_gate_that_passes_after_the_cause_is_mended_lets_the_drop_in(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "odd", failing=("claims",))
    other = replace(settings, gates=replace(settings.gates, abstention_limit=0.5))
    waiting = entering(lake, settings=other, encoder=ENCODER)
    assert [(one.state, "gate of claims" in one.why) for one in waiting.left_out] == [("unmeasured", True)], (
        "under another limit nobody has judged it yet"
    )
    measured(lake, "odd-1", other, ENCODER)
    assert entering(lake, settings=other, encoder=ENCODER).deliveries == ("odd-1",)
    assert entering(lake, settings=settings, encoder=ENCODER).deliveries == (), "the old limit still says no"


def test_outcomes_are_kept_once_and_the_last_holds(lake: Lake, settings: Settings) -> None:
    identities = {name: i for name, i in row_identities(settings, ENCODER).items() if name == "claims"}

    def says(gate: bool) -> bool:
        gates = {"claims": judged(gate)}
        record_gates(lake, "a-1", gates, identities=identities, settings=settings.gates)
        return measures_gates(lake, ["a-1"], identities=identities, settings=settings.gates)["a-1"]["claims"].success

    assert [says(gate) for gate in (False, False, True, False)] == [False, False, True, False]
    assert lake.read(MEASURES_GATES).num_rows == 3, "what is known already is not written again"
    whole = recorded_gates(lake, "a-1", identities=identities, settings=settings.gates)
    assert whole == {"claims": judged(success=False)}
    assert recorded_gates(lake, "a-1", identities={"claims": "other"}, settings=settings.gates) == {}
    other = replace(settings.gates, abstention_limit=0.01)
    assert recorded_gates(lake, "a-1", identities=identities, settings=other) == {}


def test_a_new_drop_that_is_not_measured_is_left_out_and_an_old_one_is_waited_for(
    lake: Lake, settings: Settings
) -> None:
    deliver(lake, settings, "old")
    arrive(lake, "new", "new-1")
    admit(lake, "new", settings=settings.gates)
    now = decided(lake, settings=settings, encoder=ENCODER)
    assert (now.deliveries, [one.state for one in now.left_out]) == (("old-1",), ["unmeasured"])
    publish(lake, "old-1", "new-1")
    with pytest.raises(LookupError, match=r"'new'.*assay run.*assay withdraw new"):
        decided(lake, settings=settings, encoder=ENCODER)


def test_a_withdrawn_drop_leaves_and_comes_back_to_its_place(lake: Lake, settings: Settings) -> None:
    for drop in ("a", "b"):
        deliver(lake, settings, drop)
    assert withdraw(lake, "a", note="wrong licence") == "a-1"
    assert withdraw(lake, "a") is None
    now = entering(lake, settings=settings, encoder=ENCODER)
    assert now.deliveries == ("b-1",)
    assert [(one.drop, one.state, one.why) for one in now.left_out] == [("a", "withdrawn", "wrong licence")]
    assert "--undo" in now.left_out[0].fix
    with pytest.raises(LookupError, match=r"withdrawn: wrong licence\. Fix: `assay withdraw a --undo`"):
        admitted_delivery(lake, "a")
    assert undo_withdrawal(lake, "a") == "a-1"
    assert undo_withdrawal(lake, "a") is None
    assert entering(lake, settings=settings, encoder=ENCODER).deliveries == ("a-1", "b-1")


def test_running_a_withdrawn_drop_again_takes_it_back(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "a")
    withdraw(lake, "a")
    admit(lake, "a", settings=settings.gates)
    now = entering(lake, settings=settings, encoder=ENCODER)
    assert (now.deliveries, now.left_out) == (("a-1",), ())


def test_a_rejected_correction_says_which_delivery_stays(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "a")
    arrive(lake, "a", "a-2", broken=5)
    admit(lake, "a", settings=settings.gates)
    now = entering(lake, settings=settings, encoder=ENCODER)
    assert now.deliveries == ("a-1",)
    assert [(one.subject, one.stays) for one in now.left_out] == [("the last delivery of drop 'a'", "a-1")]


def test_unknown_drops_are_named(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "a")
    for change in (withdraw, undo_withdrawal):
        with pytest.raises(LookupError, match="no drop 'b'; there are a"):
            change(lake, "b")


def test_a_drop_of_whose_canaries_too_few_are_found_stays_out(lake: Lake, settings: Settings) -> None:
    deliver(lake, settings, "good")
    deliver(lake, settings, "odd")
    fly(lake, "odd-1", 3)
    asking = replace(settings, gates=replace(settings.gates, least_recall={"wrong_image": 0.5}))
    now = entering(lake, settings=asking, encoder=ENCODER)
    assert now.deliveries == ("good-1",)
    assert [(left.drop, left.state, left.audits) for left in now.left_out] == [("odd", "gate", ("canaries",))]
    assert "3 of 100 canaries found" in now.left_out[0].why
    assert "failed_measures" not in now.left_out[0].fix
    assert entering(lake, settings=settings, encoder=ENCODER).deliveries == ("good-1", "odd-1")
