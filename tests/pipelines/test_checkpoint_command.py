"""`assay checkpoint`, the asset of the same audit, and the sensor that starts it, on a lake of drawn pictures."""

import json
import os
from pathlib import Path

import dagster as dg
import pytest
import safetensors.torch
import torch
from typer.testing import CliRunner, Result

from pipelines.app import app
from pipelines.definitions import bind
from pipelines.sensors import new_checkpoints
from resources.checkpoints.audit_log import audited_checkpoints
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from tests.support.questions_lake import lake_of_questions
from tests.support.tuned_towers import mini_encoder, save


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("checkpoints") / "lake"
    lake_of_questions(place, 40, kind="sft")
    return str(place)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound checkpoint, and one whose tower forgot its classes."""
    folder = tmp_path_factory.mktemp("saved")
    weights = mini_encoder().model.state_dict()
    save(weights, folder / "sound.safetensors")
    spoilt = {name: torch.zeros_like(value) if "head" in name else value for name, value in weights.items()}
    save(spoilt, folder / "spoilt.safetensors")
    return folder


def asked(lake: str, checkpoint: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["checkpoint", str(checkpoint), "--lake", lake, *more])


def test_a_sound_checkpoint_passes_and_is_remembered(lake: str, checkpoints: Path) -> None:
    done = asked(lake, checkpoints / "sound.safetensors", "--json")
    assert done.exit_code == 0, done.output
    audit = json.loads(done.stdout)
    assert (audit["verdict"], audit["change"]["changed"]) == ("pass", 0)
    row = audited_checkpoints(Lake(lake)).last
    assert row is not None
    assert json.loads(row["outcome"]) == audit


@pytest.mark.full
def test_a_spoilt_one_is_rejected_in_words(lake: str, checkpoints: Path) -> None:
    done = asked(lake, checkpoints / "spoilt.safetensors")
    assert done.exit_code == 1
    assert "reject: collapse, dead_units, drift, not_finite, retrieval" in done.stdout
    assert "reject collapse at embedding: features fill 0.0 directions" in done.stdout


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("none.safetensors", (), "is not there"),
        ("sound.safetensors", ("--baseline", "no-such-model:x"), "no model of open_clip"),
        ("sound.safetensors", ("--pictures", "3"), "at least 16 are needed"),
        ("sound.safetensors", ("--probes", "none.jsonl"), "none.jsonl cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    lake: str, checkpoints: Path, name: str, words: tuple[str, ...], says: str
) -> None:
    done = asked(lake, checkpoints / name, *words)
    assert done.exit_code in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.full
def test_probes_of_ones_own_with_kinds(lake: str, checkpoints: Path, photos: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (photos / "captions.jsonl").read_text("utf-8").splitlines()[:20]]
    kinds = ["person" if n % 2 else "animal" for n in range(20)]
    lines = [
        json.dumps({"image": str(photos / row["image"]), "text": row["captions"][0], "label": kind})
        for row, kind in zip(rows, kinds, strict=True)
    ]
    own = tmp_path / "own.jsonl"
    own.write_text("\n".join(lines))
    done = asked(lake, checkpoints / "sound.safetensors", "--pictures", "0", "--probes", str(own), "--json")
    assert done.exit_code == 0, done.output
    assert {skill["name"]: skill["probes"] for skill in json.loads(done.stdout)["skills"]} == {
        "retrieval": 20,
        "zero_shot": 20,
    }
    own.write_text("\n".join([*lines, '{"image": "nowhere.jpg", "text": "A cat."}']))
    refused = asked(lake, checkpoints / "sound.safetensors", "--probes", str(own))
    assert refused.exit_code != 0
    assert "line 21: no probe" in refused.stderr


@pytest.mark.full
def test_the_asset_shows_what_moved(lake: str, checkpoints: Path) -> None:
    job = bind(lake, load_settings(), progress=SilentProgress()).resolve_job_def("checkpoint_job")
    config = {"checkpoint": str(checkpoints / "spoilt.safetensors")}
    run = job.execute_in_process(run_config={"ops": {"checkpoint_alignment": {"config": config}}})
    (check,) = run.get_asset_check_evaluations()
    assert not check.passed
    assert "reject" in (check.description or "")
    (made,) = run.asset_materializations_for_node("checkpoint_alignment")
    assert made.metadata["verdict"].value == "reject"
    assert isinstance(made.metadata["layers"], dg.TableMetadataValue)


def test_the_sensor_waits_until_a_checkpoint_is_saved(checkpoints: Path, tmp_path: Path) -> None:
    settings = load_settings(None, {"operation": {"checkpoints": {"watched": str(tmp_path)}}})
    sensor = new_checkpoints(settings)

    def look(cursor: str | None) -> dg.SensorResult:
        result = sensor(dg.build_sensor_context(cursor=cursor))
        assert isinstance(result, dg.SensorResult)
        return result

    saved = tmp_path / "step-100"
    saved.mkdir()
    weights = saved / "model.safetensors"
    safetensors.torch.save_file({"a": torch.ones(1)}, weights)
    writing = look(None)
    assert not writing.run_requests
    os.utime(weights, (1, 1))
    settled = look(writing.cursor)
    (request,) = settled.run_requests or []
    assert request.run_config["ops"]["checkpoint_alignment"]["config"]["checkpoint"] == str(saved)
    assert not look(settled.cursor).run_requests
    os.utime(weights, (2, 2))
    assert look(settled.cursor).run_requests
