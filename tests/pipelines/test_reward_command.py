"""`assay reward`: verdict, exit status and JSON, and what it says where it is called wrongly."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from pipelines.app import app
from pipelines.definitions import bind
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.report.reward_figures import reward_figures
from tests.support.namespaces import network_can_be_left
from tests.support.questions_lake import lake_of_questions

PLANTED = Path(__file__).parents[1] / "support" / "planted_rewards.py"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("reward") / "lake"
    lake_of_questions(place, 40)
    return str(place)


def asked(lake: str, function: str, *more: str) -> Result:
    network = () if network_can_be_left() else ("--allow-network",)
    return CliRunner().invoke(app, ["reward", function, "--lake", lake, *network, *more])


def test_an_honest_reward_passes(lake: str) -> None:
    done = asked(lake, f"{PLANTED}:honest", "--json")
    assert done.exit_code == 0, done.output
    audit = json.loads(done.stdout)
    assert (audit["verdict"], audit["named"], audit["cases"]) == ("pass", [], 40)
    assert {"blind", "length", "keyword", "format", "echo", "brittle"} <= {one["name"] for one in audit["findings"]}


def test_a_reward_for_length_is_rejected_and_says_by_how_much(lake: str) -> None:
    done = asked(lake, f"{PLANTED}:length")
    assert done.exit_code == 1
    assert "reject: length" in done.stdout
    assert "a wrong answer with filler behind it gets +" in done.stdout


@pytest.mark.parametrize(
    ("function", "more", "says"),
    [
        ("honest", (), "FILE.py:FUNCTION"),
        (f"{PLANTED}:honest", ("--style", "ppo"), "trl-text"),
        (f"{PLANTED}:honest", ("--template", "<a>"), "{answer}"),
    ],
)
def test_wrong_usage_says_what_is_right(lake: str, function: str, more: tuple[str, ...], says: str) -> None:
    done = asked(lake, function, *more)
    assert done.exit_code == 2
    assert says in done.output


def test_a_file_that_is_not_there_is_named(lake: str, tmp_path: Path) -> None:
    done = asked(lake, f"{tmp_path}/none.py:honest")
    assert done.exit_code == 1
    assert "none.py is no file" in done.output


def test_a_column_of_rewards_is_looked_at(tmp_path: Path) -> None:
    rows = [{"prompt": "Is it red?", "completion": "yes " * n, "reward": float(n)} for n in range(1, 60)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    done = CliRunner().invoke(app, ["reward", f"{tmp_path}/r.parquet:reward"])
    assert done.exit_code == 0, done.output
    assert "warn: length" in done.stdout


@pytest.mark.full
def test_what_was_tried_is_remembered_and_shown(lake: str) -> None:
    named = f"{PLANTED}:length"
    config = {"reward": named, "examples": 20, "allow_network": not network_can_be_left()}
    job = bind(lake, load_settings(), progress=SilentProgress()).resolve_job_def("reward_job")
    run = job.execute_in_process(run_config={"ops": {"reward_audit": {"config": config}}})
    (check,) = run.get_asset_check_evaluations()
    assert not check.passed
    assert "a wrong answer with filler behind it gets +" in (check.description or "")
    (made,) = run.asset_materializations_for_node("reward_audit")
    assert (made.metadata["verdict"].value, made.metadata["questions"].value) == ("reject", 20)
    assert asked(lake, f"{PLANTED}:honest").exit_code == 0
    honest, flawed = reward_figures(Lake(lake))[:2]
    assert (honest.reward, honest.verdict, honest.faults) == (f"{PLANTED}:honest", "pass", ())
    assert (flawed.reward, flawed.verdict, flawed.cases) == (named, "reject", 20)
    (fault,) = flawed.faults
    assert fault.startswith("length: a wrong answer with filler behind it gets +")
