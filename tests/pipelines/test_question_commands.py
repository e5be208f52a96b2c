"""`assay why`, `policy try` and `vacuum` on a real lake, for a person and for a program."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.decision.policy import Policy
from pipelines import question_commands  # noqa: F401  adds its commands to `app`
from pipelines.app import app
from resources.config.settings import load_settings
from resources.lake.tables import Lake
from resources.versions.publishing import publish
from tests.support.versions import POLICY, build, fill

OTHER = """\
policy:
  rules:
    - {name: short, audit: difficulty, when: [answer_words < 2], action: drop, reason: too short}
"""


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, dict[str, list[str]]]:
    lake = Lake(tmp_path / "lake")
    ids = fill(lake)
    settings = replace(load_settings(), policy=POLICY)
    publish(lake, build(lake, settings), {})
    publish(lake, build(lake, replace(settings, policy=Policy())), {})
    return tmp_path, ids


def call(*words: str | Path):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_why(filled: tuple[Path, dict[str, list[str]]]):
    folder, ids = filled
    page = call("why", ids["a"][2], "--lake", folder / "lake")
    assert page.exit_code == 0, page.output
    assert page.output.startswith("Version 2 (current): keep, weight 1, stage ")
    assert "question 2?" in page.output
    assert "Version 1:" not in page.output
    assert "Not shown: 1 verdict of other versions; --all shows them." in page.output
    whole = call("why", ids["a"][2], "--lake", folder / "lake", "--all").output
    current, earlier = whole.index("Version 2 (current): keep"), whole.index("Version 1: downweight, weight 0.5")
    assert current == 0 < earlier < whole.index("long: answer_words 7 (limit > 6)") < whole.index("question 2?")
    assert "Not shown" not in whole
    answer = json.loads(call("why", ids["a"][2], "--lake", folder / "lake", "--json").output)
    assert answer["measures"]["difficulty"][0]["answer_words"] == 7
    assert call("why", "nobody", "--lake", folder / "lake").exit_code == 1


def test_policy_try(filled: tuple[Path, dict[str, list[str]]]):
    folder, _ = filled
    other, sheet = folder / "other.yaml", folder / "sheet.html"
    other.write_text(OTHER)
    answer = json.loads(call("policy", "try", other, "--lake", folder / "lake", "--json", "--html", sheet).output)
    assert answer["version"] == 2
    assert answer["changes"]["removed"] == {"all": 6, "new policy": 6}
    assert answer["rules"] == [{"rule": "short", "before": 0, "after": 6, "difference": 6, "expected_wrong": None}]
    assert "too short" in sheet.read_text()
    printed = call("policy", "try", other, "--lake", folder / "lake", "--rows", "1")
    assert "would leave: short (answer_words=1)" in printed.output
    other.write_text(OTHER.replace("answer_words", "answer_wrds"))
    wrong = call("policy", "try", other, "--lake", folder / "lake")
    assert wrong.exit_code == 2


def test_vacuum(filled: tuple[Path, dict[str, list[str]]]):
    folder, _ = filled
    plan = call("vacuum", "--lake", folder / "lake", "--keep-last", "1", "--dry-run")
    assert plan.output == "Would remove versions 1 (3 files).\n"
    answer = json.loads(call("vacuum", "--lake", folder / "lake", "--keep-last", "1", "--json").output)
    nothing = {"compacted": {"before": 0, "after": 0, "doubles": 0}, "swept": {"files": 0, "bytes": 0}}
    retired = ("retired", "retired_of_deliveries", "retired_keys")
    nothing |= {name: {"partitions": 0, "rows": 0, "bytes": 0} for name in retired}
    assert answer == {"versions": [1], "files": 3, "dry_run": False, **nothing}
