"""`assay status`, `withdraw` and `versions` over a lake with a good, an odd and a rejected drop."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.core.version_schemas import VERSIONS
from ops.decision.versions import LeftOut
from pipelines.app import app
from resources.config.settings import load_settings
from resources.intake.admission import admit
from resources.lake.tables import Lake
from resources.models.encoder_source import encoder_identity
from tests.support.standing_lake import arrive, measured


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and none of the variables that the command reads."""
    for name in [name for name in os.environ if name.startswith(("ASSAY_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three drops: `good`, in version 1; `odd`, whose claims failed their gate; `broken`, rejected."""
    settings = load_settings()
    lake = Lake(tmp_path / "lake")
    encoder = encoder_identity(settings.encoder)
    for drop, broken, failing in (("good", 0, ()), ("odd", 0, ("claims",)), ("broken", 9, ())):
        arrive(lake, drop, f"{drop}-1", broken=broken)
        if admit(lake, drop, settings=settings.gates)[1].success:
            measured(lake, f"{drop}-1", settings, encoder, failing=failing)
    odd = LeftOut("odd", "odd-1", "gate", "claims: claims 1 > 0", "mend it", audits=("claims",))
    row = {"version": 1, "state": "published", "deliveries": ["good-1"], "left_out": json.dumps([asdict(odd)])}
    texts = {"measures": "{}", "counts": "{}", "policy": "p", "encoder": encoder, "code": "c"}
    lake.log(VERSIONS, lambda log: [row | texts | {"at": datetime.now(UTC)}])
    return lake


def printed(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_status_says_of_each_drop_whether_it_enters_and_why_not(lake: Lake) -> None:
    standing = json.loads(printed("status", "--json"))
    assert [(drop["drop"], drop["state"], drop["in_current"]) for drop in standing["drops"]] == [
        ("broken", "rejected", False),
        ("good", "in", True),
        ("odd", "gate", False),
    ]
    assert standing["current"]["version"] == 1
    assert [one["drop"] for one in standing["left_out"]] == ["broken", "odd"]
    assert "quarantine_share 0.9 > 0.05" in standing["left_out"][0]["line"]
    text = printed("status")
    assert "Version 1 is current, made without drop 'odd'." in text
    assert "The next version leaves out drop 'odd': failed the measures gate: claims: claims 1 > 0. Fix: " in text


def test_status_says_what_an_older_reader_read(lake: Lake) -> None:
    assert json.loads(printed("status", "--json"))["old_readings"] == []
    arrive(lake, "old", "old-1", reading=None)
    admit(lake, "old", settings=load_settings().gates)
    (reading,) = json.loads(printed("status", "--json"))["old_readings"]
    assert (reading["drop"], reading["source"], reading["readable"]) == ("old", "from/old", False)
    assert "drop 'old' was read by an older reader" in printed("status")


def test_a_drop_is_withdrawn_and_taken_back(lake: Lake) -> None:
    assert "good-1 is taken out of the next version" in printed("withdraw", "good", "--note", "wrong licence")
    assert "drop 'good': withdrawn: wrong licence" in printed("status")
    assert "wrong licence" in printed("versions").splitlines()[1]
    again = CliRunner().invoke(app, ["withdraw", "good"])
    assert (again.exit_code, "assay status" in again.stderr) == (1, True)
    back = {"drop": "good", "delivery": "good-1", "withdrawn": False}
    assert json.loads(printed("withdraw", "good", "--undo", "--json")) == back
    assert [drop["state"] for drop in json.loads(printed("status", "--json"))["drops"]] == ["rejected", "in", "gate"]


def test_versions_begin_with_the_rejected_drops_and_say_what_each_version_leaves_out(lake: Lake) -> None:
    lines = printed("versions").splitlines()
    assert lines[0].startswith("kept out: drop 'broken': rejected by the ingest gate: quarantine_share 0.9 > 0.05")
    assert lines[1] == "Version 1 leaves out drop 'odd' (failed the measures gate: claims: claims 1 > 0)"
    assert json.loads(printed("versions", "--json"))[0]["left_out"][0]["drop"] == "odd"


def test_an_unknown_drop_is_one_clear_line(lake: Lake) -> None:
    done = CliRunner().invoke(app, ["withdraw", "nobody"])
    assert (done.exit_code, done.stderr.strip()) == (
        1,
        "error: there is no drop 'nobody'; there are broken, good, odd",
    )
