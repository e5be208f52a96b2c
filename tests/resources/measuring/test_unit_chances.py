"""What p-values of files tell of a delivery: kept once, pinned by the version, and read by all that show chances."""

from dataclasses import replace
from pathlib import Path

import pytest

from ops.core.measure_schemas import CANARY_CHANCES
from ops.decision.policy import Policy
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.measuring.unit_chances import tell_by_unit
from resources.report.report import make_report
from resources.versions.explanation import why
from resources.versions.policy_trial import try_policy
from resources.versions.publishing import publish
from tests.support.versions import build, deliver, write_measures

MEASURES = {"difficulty": "d0", "alignment_shift": "s0"}
ROWS = 4
SHIFTED = (0, 20, 40, 60)


def lake_of(folder: Path, *, files: int) -> tuple[Lake, list[str], Policy]:
    """A version of so many files of four rows; in every twentieth two of them are a run."""
    lake = Lake(folder / "lake")
    names = deliver(lake, "a", "a-1", [f"{n}" for n in range(files * ROWS)])
    rows = []
    for at, name in enumerate(names):
        file, row = divmod(at, ROWS)
        run = file in SHIFTED and row < 2
        p_value = 1e-10 if run else (file + 1) / files
        rows.append(
            {
                "delivery": "a-1",
                "example_id": name,
                "file": f"{file}.json",
                "abstained": False,
                "is_shifted": run,
                "p_value": p_value,
            }
        )
    write_measures(lake, "alignment_shift", "s0", rows, delivery="a-1")
    for _ in range(2):
        tell_by_unit(lake, "a-1", MEASURES, progress=SilentProgress())
    shipped = load_settings()
    policy = Policy(tuple(rule for rule in shipped.policy.rules if rule.audit == "alignment_shift"))
    publish(lake, build(lake, replace(shipped, policy=policy), deliveries=["a-1"], measures=MEASURES), {})
    return lake, names, policy


def test_rows_of_runs_have_the_chance_of_their_file_and_others_have_none(tmp_path: Path) -> None:
    lake, names, policy = lake_of(tmp_path, files=80)
    assert lake.read(CANARY_CHANCES).num_rows == 1
    likely = why(lake, names[0]).chances["alignment_shift"]
    assert (likely["faults"], likely["by"]) == (["shifted_join"], "p-values of files")
    assert 0.9 < likely["low"] <= likely["probability"] <= likely["high"] <= 1
    assert why(lake, names[2]).chances == {}
    (tried,) = try_policy(lake, policy).by_rule
    assert tried["after"] == 2 * len(SHIFTED)
    assert tried["expected_wrong"] == pytest.approx(8 * (1 - likely["probability"]))
    page = " ".join(Path(make_report(lake, 1)).read_text("utf-8").split())
    assert "80 files" in page
    assert "of these 8 are flagged wrongly" in page


def test_a_delivery_of_few_files_says_why_nothing_is_told(tmp_path: Path) -> None:
    lake, names, policy = lake_of(tmp_path, files=30)
    assert why(lake, names[0]).chances == {}
    assert try_policy(lake, policy).by_rule[0]["expected_wrong"] is None
    assert "30 p-values, and 60 are asked for" in Path(make_report(lake, 1)).read_text("utf-8")
