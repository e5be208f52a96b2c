"""The whole pipeline on a small slice of the demo: the jobs that a nightly run executes, on real engines."""

import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from ops.audits.registry import all_audits
from ops.demo.build import Demo, build
from ops.demo.score import score
from ops.schemas import CURATED, CURRICULUM, DROPS, EXAMPLES, QUARANTINE, VERDICTS
from pipelines.demo_command import DROP
from pipelines.execution import Outcome, run_all
from resources.admission import admitted_delivery
from resources.lake import Lake
from resources.progress import SilentProgress
from resources.publishing import current_version
from resources.reporting import report_path
from resources.settings import Settings, load_settings

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session", "spark", "instance_in_lake")]


@pytest.fixture
def instance_in_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lake has a Dagster instance of its own, whatever this shell says."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo")
    return build(root / DROP, record=root / "planted.jsonl", conversations=60)


@pytest.fixture(scope="module")
def lake(demo: Demo) -> Path:
    return demo.folder.parent / "lake"


def run(lake: Path, settings: Settings, drops: dict[str, Path]) -> list[Outcome]:
    return run_all(lake, settings, {name: str(path) for name, path in drops.items()}, progress=SilentProgress())


def test_a_drop_becomes_a_version_and_nothing_is_lost(demo: Demo, lake: Path, settings: Settings) -> None:
    outcomes = run(lake, settings, {DROP: demo.folder})
    assert [(o.job, o.success, o.gate_failures, o.error) for o in outcomes] == [
        ("drop_job", True, (), None),
        ("corpus_job", True, (), None),
    ]
    store = Lake(lake)
    examples, quarantine = store.read(EXAMPLES), store.read(QUARANTINE)
    assert examples.num_rows + quarantine.num_rows == sum(demo.rows.values())
    verdicts = store.read(VERDICTS, where={"version": 1})
    assert sorted(verdicts["example_id"].to_pylist()) == sorted(examples["example_id"].to_pylist())
    kept = {row["example_id"] for row in verdicts.to_pylist() if row["action"] in ("keep", "downweight")}
    assert set(store.read(CURATED, where={"version": 1})["example_id"].to_pylist()) == kept
    assert set(store.read(CURRICULUM, where={"version": 1})["example_id"].to_pylist()) == kept
    assert current_version(store) == 1
    assert report_path(store, 1).stat().st_size > 10_000

    scores = score(
        demo.planted, verdicts=verdicts, quarantine=quarantine, examples=examples, audits=all_audits().values()
    )
    exact = {"unreadable_image", "placeholder_mismatch", "contradictory_judgements", "rejected_as_target"}
    by_fault = {row.fault: row for row in scores}
    for fault in exact:
        assert by_fault[fault].missed == 0, fault
    assert by_fault["wrong_image"].caught is not None


def test_running_again_changes_nothing(demo: Demo, lake: Path, settings: Settings) -> None:
    store = Lake(lake)
    before = {spec.name: store.version(spec) for spec in (EXAMPLES, DROPS, VERDICTS, CURATED)}
    outcomes = run(lake, settings, {DROP: demo.folder})
    assert all(o.success for o in outcomes)
    assert {spec.name: store.version(spec) for spec in (EXAMPLES, DROPS, VERDICTS, CURATED)} == before
    assert current_version(store) == 1


def test_a_rejected_correction_leaves_the_version_current(demo: Demo, lake: Path, settings: Settings) -> None:
    store = Lake(lake)
    good = admitted_delivery(store, DROP)
    broken = demo.folder.parent / "corrected" / DROP
    shutil.copytree(demo.folder, broken)
    for image in sorted((broken / "images").iterdir())[::2]:
        image.write_bytes(b"not an image")
    outcomes = run(lake, settings, {DROP: broken})
    assert [o.success for o in outcomes] == [False, True]
    assert "quarantine" in outcomes[0].gate_failures[0]
    assert admitted_delivery(store, DROP) == good
    assert current_version(store) == 1


def test_a_second_drop_makes_a_second_version(demo: Demo, lake: Path, settings: Settings, tmp_path: Path) -> None:
    second = tmp_path / "2026-11-23"
    second.mkdir()
    rows = [
        {
            "id": f"t{n}",
            "conversations": [{"from": "human", "value": f"What is {n} + 1?"}, {"from": "gpt", "value": f"{n + 1}"}],
        }
        for n in range(20)
    ]
    (second / "text.json").write_bytes(orjson.dumps(rows))
    outcomes = run(lake, settings, {"2026-11-23": second})
    assert [o.success for o in outcomes] == [True, True]
    store = Lake(lake)
    assert current_version(store) == 2
    assert store.read(EXAMPLES, where={"drop": "2026-11-23"}).num_rows == 20


def test_a_failed_gate_leaves_the_version_current(lake: Path, settings: Settings) -> None:
    strict = replace(
        settings, gates=replace(settings.gates, removed_limit=0.0), curriculum=replace(settings.curriculum, seed=99)
    )
    outcomes = run(lake, strict, {})
    assert [o.success for o in outcomes] == [False]
    assert "removed_share" in outcomes[0].gate_failures[0]
    assert current_version(Lake(lake)) == 2
