"""What is asked of a lake at every run costs at most in proportion to its drops, and opens no more tables for more of
them: what was quadratic once does not come back. Counted, not timed."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from ops.core.schemas import DROPS
from resources.config.settings import Settings, load_settings
from resources.gates.outcomes import record_gates
from resources.intake.admission import admit, undo_withdrawal, withdraw
from resources.intake.corpus_drops import kept_out, not_admitted
from resources.lake.tables import LOG_FILES, Lake
from resources.measuring.recorded import require_embedded, require_measures, row_identities, unmeasured_drops
from resources.models.encoder_source import encoder_identity
from resources.status.standing import standing
from resources.versions.entering import entering
from resources.versions.publishing import version_of
from tests.support.costs import Costs
from tests.support.standing_lake import judged, lake_of_many

FEW, MANY = 10, 100
SETTINGS = load_settings()
ENCODER = encoder_identity(SETTINGS.encoder)

Question = Callable[[Lake, Settings], Any]


def every_delivery(count: int) -> list[str]:
    return [f"drop-{n:03d}-1" for n in range(count)]


def drop_count(lake: Lake) -> int:
    return len(set(lake.read(DROPS, columns=["drop"])["drop"].to_pylist()))


def arrives(lake: Lake, settings: Settings) -> None:
    """One drop more, admitted at once, as the end of an ingest and the gate behind it do."""
    row = {"at": datetime.now(UTC), "drop": "new", "delivery": "new-1", "state": "arrived", "source": "from/new"}
    lake.log(DROPS, lambda log: [row | {"rows_in": 10, "rows_kept": 10, "rows_quarantined": 0}])
    admit(lake, "new", settings=settings.gates)


def is_gated(lake: Lake, settings: Settings) -> None:
    identities = row_identities(settings, ENCODER)
    passed = {name: judged(True) for name in identities}
    record_gates(lake, "drop-000-1", passed, identities=identities, settings=settings.gates)


#: What a run, a night or `assay status` asks of a lake, with the size of the lake nowhere in the question.
QUESTIONS: dict[str, Question] = {
    "which drops are unmeasured": lambda lake, s: unmeasured_drops(lake, settings=s, encoder=ENCODER),
    "what enters the next version": lambda lake, s: entering(lake, settings=s, encoder=ENCODER),
    "how the lake stands": standing,
    "what is not admitted": lambda lake, s: not_admitted(lake),
    "what a version was made without": lambda lake, s: kept_out(lake, version_of(lake, 1)),
    "a delivery's measures": lambda lake, s: require_measures(lake, "drop-001-1", row_identities(s, ENCODER)),
    "a drop arrives": arrives,
    "a drop is gated": is_gated,
    "a drop is withdrawn": lambda lake, s: withdraw(lake, "drop-001"),
    "a drop that was not withdrawn comes back": lambda lake, s: undo_withdrawal(lake, "drop-002"),
}
#: What the corpus job asks of all the deliveries that enter.
QUESTIONS["all are embedded"] = lambda lake, s: require_embedded(lake, every_delivery(drop_count(lake)), ENCODER)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("growth")
    for count in (FEW, MANY):
        lake_of_many(folder / str(count), count, SETTINGS, ENCODER)
    return {count: folder / str(count) for count in (FEW, MANY)}


def test_the_lakes_are_as_large_as_they_say(lakes: dict[int, Path]) -> None:
    for count, place in lakes.items():
        now = standing(Lake(place), SETTINGS)
        assert len(now.drops) == count
        states = [drop.state for drop in now.drops]
        assert (states.count("in"), states.count("unmeasured")) == (count * 4 // 5, count // 5)
        assert len(Lake(place).files(DROPS)) <= LOG_FILES


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_costs_in_proportion(
    question: str, lakes: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = Costs(monkeypatch)
    asked = {}
    for count, place in lakes.items():
        lake = Lake(copytree(place, tmp_path / str(count)))
        asked[count] = costs.of(lambda lake=lake: QUESTIONS[question](lake, SETTINGS))
    few, many = asked[FEW], asked[MANY]
    assert few["table opens"] > 0
    assert many["table opens"] == few["table opens"]
    steeper = {what: (few[what], many[what]) for what in many if many[what] > MANY // FEW * few[what]}
    assert not steeper, "by drops: (10, 100)"
