"""A fault of Assay that a run lived through is said at its end and in Dagster."""

from pathlib import Path

import pyarrow as pa
import pytest

from ops.core.schemas import QUARANTINE
from ops.intake.rows import IngestSettings
from pipelines.definitions import bind
from pipelines.execution import Outcome, open_instance, run_drop
from pipelines.run_command import say, summarise
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import alarm, ingest
from resources.lake.tables import Lake
from tests.support.drops import llava, make_drop


@pytest.fixture
def outcome(tmp_path: Path, ray_session: None, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A run over a delivery in which a row had met such a fault."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    lake = Lake(tmp_path / "lake")
    drop = make_drop(tmp_path / "drop", [llava(1, None)])
    delivery = ingest(lake, drop, "flowers", settings=IngestSettings(), progress=SilentProgress()).delivery
    assert alarm(lake, delivery) is None
    row = {"delivery": delivery, "file": "[red]a.json", "row": 7, "reason": "internal_error", "detail": "KeyError: 'x'"}
    rows = pa.Table.from_pylist([row], schema=QUARANTINE.schema)
    lake.write(QUARANTINE, rows, partition={"delivery": delivery}, once="fault")
    definitions = bind(tmp_path / "lake", load_settings(None), progress=SilentProgress())
    with open_instance(tmp_path / "lake") as instance:
        return run_drop(definitions, instance, drop="flowers", path=str(drop))


@pytest.mark.full
def test_an_alarm_reaches_the_screen_and_the_summary(
    outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (alarm,) = outcome.alarms
    assert "failed in 1 rows of flowers-" in alarm
    assert "(KeyError 1; first in [red]a.json, row 7)" in alarm
    say(outcome, lake=str(tmp_path / "lake"), debug=False)
    assert f"alarm: {alarm}" in " ".join(capsys.readouterr().err.split())
    assert summarise(str(tmp_path / "lake"), [outcome], before=None)["runs"][0]["alarms"] == [alarm]
