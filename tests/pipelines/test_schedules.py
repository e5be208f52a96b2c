"""The night's schedule: it makes a version where something changed, and says why where it does not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ops.chances.recalibration import FEWEST
from ops.decision.overruling import Decision
from pipelines.schedules import nightly
from resources.config.located_yaml import SettingsError
from resources.config.settings import Settings, load_settings
from resources.intake.admission import admit, withdraw
from resources.lake.tables import Lake
from resources.measuring.corpus import corpus_identities
from resources.measuring.recorded import row_identities
from resources.models.encoder_source import encoder_identity
from resources.versions.code_identity import code_identity
from resources.versions.entering import entering
from resources.versions.pending import pending
from resources.versions.person_decisions import record_decisions
from tests.support.standing_lake import arrive, measured, publish_pinned
from tests.support.versions import label


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None)


@pytest.fixture(scope="module")
def encoder(settings: Settings) -> str:
    return encoder_identity(settings.encoder)


@pytest.fixture
def lake(tmp_path: Path, settings: Settings, encoder: str) -> Lake:
    lake = Lake(tmp_path / "lake")
    enter(lake, "a", settings, encoder)
    return lake


def enter(lake: Lake, drop: str, settings: Settings, encoder: str) -> None:
    arrive(lake, drop, f"{drop}-1")
    admit(lake, drop, settings=settings.gates)
    measured(lake, f"{drop}-1", settings, encoder)


def pinned(lake: Lake, settings: Settings, encoder: str) -> None:
    """A published version of all that enters now."""
    deliveries = entering(lake, settings=settings, encoder=encoder).deliveries
    measures = row_identities(settings, encoder) | corpus_identities(settings, deliveries, encoder)
    publish_pinned(lake, settings, deliveries=deliveries, measures=measures, code=code_identity(), encoder=encoder)


def tonight(lake: Lake, settings: Settings) -> dg.RunRequest | str:
    schedule = nightly(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, resources={"lake": lake})
        result = schedule.evaluate_tick(context)
    return result.run_requests[0] if result.run_requests else str(result.skip_message)


def test_a_first_version_is_made(lake: Lake, settings: Settings) -> None:
    run = tonight(lake, settings)
    assert isinstance(run, dg.RunRequest)
    assert "first version" in run.tags["assay/because"]


def test_where_nothing_changed_the_night_says_so(lake: Lake, settings: Settings, encoder: str) -> None:
    pinned(lake, settings, encoder)
    assert tonight(lake, settings) == "nothing has changed since version 1"


def test_what_changed_is_the_reason(lake: Lake, settings: Settings, encoder: str) -> None:
    pinned(lake, settings, encoder)
    enter(lake, "b", settings, encoder)
    assert pending(lake, settings).changes == ("new: b-1",)
    pinned(lake, settings, encoder)
    withdraw(lake, "b", note="licence")
    assert pending(lake, settings).changes == ("no longer in: b-1",)


def test_other_settings_are_a_reason(lake: Lake, settings: Settings, encoder: str) -> None:
    pinned(lake, settings, encoder)
    stages = replace(settings, curriculum=replace(settings.curriculum, stages=7))
    assert pending(lake, stages).changes == ("another curriculum",)
    near = replace(settings.audits["near_duplicates"], threshold=0.9)
    other = replace(settings, audits={**settings.audits, "near_duplicates": near})
    assert pending(lake, other).changes == ("measured anew: near_duplicates",)


def test_what_a_person_decided_is_a_reason(lake: Lake, settings: Settings, encoder: str) -> None:
    pinned(lake, settings, encoder)
    decision = Decision("a-10", "c", "drop", "Ana", "", datetime.now(UTC))
    record_decisions(lake, [decision])
    assert pending(lake, settings).changes == ("a person decided on 1 example",)
    record_decisions(lake, [replace(decision, action="clear")])
    assert pending(lake, settings).changes == ()


def test_a_drop_of_the_version_that_is_not_measured_stops_the_night(lake: Lake, settings: Settings, encoder: str):
    pinned(lake, settings, encoder)
    grounding = replace(settings.audits["grounding"], temperature=0.1)
    other = replace(settings, audits={**settings.audits, "grounding": grounding})
    plan = tonight(lake, other)
    assert isinstance(plan, str)
    assert "assay backfill" in plan
    assert ": a" in plan


def test_a_lake_without_drops_has_nothing_to_do(tmp_path: Path, settings: Settings) -> None:
    assert tonight(Lake(tmp_path / "empty"), settings) == "there is nothing to do"


def test_the_clock_is_a_setting(settings: Settings) -> None:
    evening = replace(settings.operation, cron="30 22 * * 1-5", time_zone="Europe/Vienna", nightly=True)
    schedule = nightly(replace(settings, operation=evening))
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 22 * * 1-5", "Europe/Vienna")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    with pytest.raises(SettingsError, match=r"operation\.cron"):
        nightly(replace(settings, operation=replace(settings.operation, cron="at noon")))


@pytest.mark.parametrize("kind", ["time_zone: Mars/Base", "watch_seconds: 0", "owners: [me]", "alerts: {webhook: x}"])
def test_operation_settings_that_cannot_work_are_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "assay.yaml").write_text(f"operation:\n  {kind}\n")
    with pytest.raises(SettingsError, match=r"assay\.yaml:"):
        load_settings(tmp_path / "assay.yaml")


def test_labels_are_a_reason_where_they_may_correct_chances(lake: Lake, settings: Settings, encoder: str) -> None:
    pinned(lake, settings, encoder)
    label(lake, {f"a-1{n}": n % 2 > 0 for n in range(FEWEST)})
    assert pending(lake, settings).changes == ("other labels of reviewers",)
