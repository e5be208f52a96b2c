"""`assay run` over a lake with a drop of an older reading: read anew without being named, and the version is clean."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import CURATED
from pipelines.execution import run_all
from pipelines.run_command import say_old_readings, summarise
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.intake.admission import admit
from resources.intake.corpus_drops import admitted_deliveries
from resources.lake.tables import Lake
from tests.support.drops import llava, make_drop
from tests.support.old_readings import read_as_before

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200), pytest.mark.usefixtures("ray_session", "spark")]


def test_a_version_has_no_target_that_an_older_reader_mistook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = make_drop(tmp_path / "drop", [llava(n, f"{n % 4}.png") for n in range(8)])
    ask, bad = {"role": "user", "content": "What?"}, {"role": "assistant", "content": "A dog."}
    (folder / "judged.jsonl").write_text(json.dumps({"messages": [ask, bad], "label": False}))
    settings = load_settings(None)
    settings = replace(settings, gates=replace(settings.gates, removed_limit=1.0))
    lake = Lake(tmp_path / "lake")
    misread = {"judged.jsonl": json.dumps({"messages": [ask, bad]}).encode()}
    older = read_as_before(lake, folder, "flowers", misread)
    admit(lake, "flowers", settings=settings.gates)
    say_old_readings(lake.root)
    assert "drop 'flowers' was read by an older reader" in capsys.readouterr().out

    outcomes = run_all(lake.root, settings, {}, progress=SilentProgress())
    assert [(o.job, o.drop, o.success, o.error) for o in outcomes] == [
        ("drop_job", "flowers", True, None),
        ("corpus_job", None, True, None),
    ]
    (delivery,) = admitted_deliveries(lake)
    assert delivery != older
    summary = summarise(lake.root, outcomes, before=None)
    assert (summary["version"], summary["old_readings"]) == (1, [])
    members = lake.read(CURATED, where={"version": 1}).to_pylist()
    assert {row["delivery"] for row in members} == {delivery}
    kinds = {row["example_id"]: row["kind"] for row in lake.read(EXAMPLES, where={"delivery": delivery}).to_pylist()}
    assert sorted(kinds.values()) == ["preference", *["sft"] * 8]
    taught = {row["example_id"] for row in members if row["kind"] == "sft"}
    assert all(kinds[example] == "sft" for example in taught)

    vectors = lake.version(EMBEDDINGS)
    assert [o.job for o in run_all(lake.root, settings, {}, progress=SilentProgress())] == ["corpus_job"]
    assert lake.version(EMBEDDINGS) == vectors
