"""The whole pipeline on a small slice of the demo: the jobs that a nightly run executes, on real engines."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from ops.audits.registry import all_audits
from ops.core.schemas import DROPS, EXAMPLES, QUARANTINE
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.demo.build import Demo, build
from ops.demo.score import score
from pipelines.demo_command import DROP
from pipelines.execution import Outcome, run_all
from resources.config.settings import Settings, load_settings
from resources.engines.progress import SilentProgress
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.measuring.recorded import row_audits
from resources.report.forecast_figures import forecast_figures
from resources.report.report import report_path
from resources.versions.publishing import current_version, version_of

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session", "spark", "instance_in_lake")]


@pytest.fixture
def instance_in_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lake has a Dagster instance of its own, whatever this shell says."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture(scope="module")
def settings() -> Settings:
    trainers = {"ms-swift": {"max_tokens": 512}, "trl": {}}
    # So small a drop says too little of how well its images fit; the audit shall judge it all the same.
    return load_settings(None, {"audits.preflight.trainers": trainers, "audits.image_mismatch.least_fit": 0.0})


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
    assert Path(report_path(store, 1)).stat().st_size > 10_000

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


def test_every_version_is_forecast_for_the_trainers_that_settings_name(lake: Path, settings: Settings) -> None:
    """By the same jobs that a night runs, and the report shows it."""
    store = Lake(lake)
    preflight = re.compile(r'<section id="preflight">.*?</section>', re.DOTALL)
    assert current_version(store) == 2
    for number in (1, 2):
        members = store.read(CURATED, where={"version": number})["example_id"].to_pylist()
        row = version_of(store, number).row
        figures = forecast_figures(store, number, row["deliveries"], orjson.loads(row["measures"]), {})
        counted = Counter[str]()
        for figure in figures:
            counted[figure.trainer] += figure.examples
        assert counted == {"ms-swift": len(members), "trl": len(members)}
        (section,) = preflight.findall(Path(report_path(store, number)).read_text("utf-8"))
        assert all(name in section for name in counted)


def test_a_drop_whose_measures_fail_a_gate_is_left_out_and_comes_back(lake: Path, settings: Settings) -> None:
    """The text-only drop has no picture to judge by: an audit that must not abstain fails on it alone."""
    store = Lake(lake)
    measured = {audit.name: store.version(audit.table) for audit in row_audits()}
    strict = replace(settings, gates=replace(settings.gates, abstention_limit=0.99))
    outcomes = run(lake, strict, {})
    assert [(o.job, o.drop, o.success, o.error) for o in outcomes] == [
        ("drop_job", "2026-11-23", False, None),
        ("drop_job", DROP, True, None),
        ("corpus_job", None, True, None),
    ]
    assert "abstained_share 1 > 0.99" in outcomes[0].gate_failures[0]
    correction, gone = version_of(store, current_version(store) or 0).left_out
    assert (correction.drop, correction.state) == (DROP, "rejected"), "of the test before; the good delivery stays"
    assert (gone.drop, gone.state) == ("2026-11-23", "gate")
    assert "abstained_share 1 > 0.99" in gone.why
    assert store.read(CURATED, where={"version": current_version(store), "delivery": gone.delivery}).num_rows == 0

    assert [(o.job, o.success) for o in run(lake, strict, {})] == [("corpus_job", True)], "known, and not judged again"
    assert [(o.job, o.success) for o in run(lake, settings, {})] == [("corpus_job", True)], "the old limit let it in"
    assert current_version(store) == 2
    assert version_of(store, 2).left_out == (correction,)
    assert {audit.name: store.version(audit.table) for audit in row_audits()} == measured, "nothing is measured again"


def test_where_every_drop_is_rejected_no_corpus_job_runs(demo: Demo, settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / DROP
    shutil.copytree(demo.folder, broken)
    for image in sorted((broken / "images").iterdir())[::2]:
        image.write_bytes(b"not an image")
    heard: list[str] = []
    drops = {"one": str(broken), "two": str(broken)}
    outcomes = run_all(
        tmp_path / "lake",
        settings,
        drops,
        progress=SilentProgress(),
        tell=lambda outcome: heard.append(outcome.drop or outcome.job),
    )
    assert heard == ["one", "two", "corpus_job"], "each as it comes"
    assert [(o.rejected, o.success, bool(o.run_id)) for o in outcomes] == [
        (True, False, True),
        (True, False, True),
        (False, False, False),
    ]
    assert "no drop enters" in (outcomes[-1].error or "")
    assert "Fix: mend the rows that `quarantine` lists" in (outcomes[-1].error or "")


def test_a_failed_gate_leaves_the_version_current(lake: Path, settings: Settings) -> None:
    strict = replace(
        settings, gates=replace(settings.gates, removed_limit=0.0), curriculum=replace(settings.curriculum, seed=99)
    )
    outcomes = run(lake, strict, {})
    assert [o.success for o in outcomes] == [False]
    assert "removed_share" in outcomes[0].gate_failures[0]
    assert current_version(Lake(lake)) == 2
