"""`assay preflight`: its table, its JSON, where its limits come from, and what it refuses."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.core.version_schemas import VERSIONS
from pipelines.app import app
from resources.lake.tables import Lake
from tests.support.standing_lake import arrive


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and none of the variables that the command reads."""
    for name in [name for name in os.environ if name.startswith(("ASSAY_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A drop called 7 of eight empty rows, two of them set aside."""
    lake = Lake(tmp_path / "lake")
    arrive(lake, "7", "7-1", broken=2)
    return lake


def run(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["preflight", *words])
    assert done.exit_code == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_a_drop_with_a_number_for_a_name_is_found(lake: Lake) -> None:
    printed = json.loads(run("7", "--trainer", "ms-swift", "--json"))
    assert (printed["subject"], printed["rows"], printed["set_aside"]["rows"], printed["tokens"]) == (
        "drop 7",
        8,
        2,
        "estimated",
    )
    assert printed["outcomes"][0]["outcome"] == "unknown"  # rows without a kind
    assert {"fix", "says", "examples", "answer_tokens_lost"} <= printed["outcomes"][0].keys()
    lake.log(VERSIONS, lambda log: [{"version": 7, "state": "published", "deliveries": [], "counts": "{}"}])
    assert "version 7 has no rows" in run("7", "--trainer", "trl", status=1)


def test_the_table_fits_and_says_what_is_estimated(lake: Lake) -> None:
    page = run("7", "--trainer", "llamafactory")
    assert "Drop 7 in LLaMA-Factory 0.9.5, for qwen2.5-vl: 8 rows" in page
    assert "2 rows that ingest set aside" in page
    assert "Tokens are estimated" in page


def test_limits_come_from_a_file_or_from_the_settings(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text("model: internvl3\nmax_tokens: 5\n")
    named = json.loads(run("7", "--trainer", "trl", "--limits", "limits.yaml", "--json"))["limits"]
    assert (named["model"], named["max_tokens"]) == ("internvl3", 5)
    (tmp_path / "own.yaml").write_text("audits: {preflight: {trainers: {trl: {max_tokens: 6}}}}\n")
    assert json.loads(run("7", "--trainer", "trl", "--config", "own.yaml", "--json"))["limits"]["max_tokens"] == 6


def test_mistakes_are_said_in_a_line(lake: Lake, tmp_path: Path) -> None:
    assert "is none of axolotl, easyr1" in run("7", "--trainer", "none", status=2).replace("\n", " ")
    assert "drop 'none' has not been read" in run("none", "--trainer", "trl", status=1)
    (tmp_path / "limits.yaml").write_text("max_token: 5\n")
    assert "limits.yaml: unknown limit 'max_token'" in run("7", "--trainer", "trl", "--limits", "limits.yaml", status=1)
    (tmp_path / "own.yaml").write_text("audits:\n  preflight:\n    trainers: {trl: {truncation: left}}\n")
    refused = run("7", "--trainer", "trl", "--config", "own.yaml", status=2)
    assert "own.yaml:2: audits.preflight: trainers.trl: truncation of trl is one of keep_start" in refused
