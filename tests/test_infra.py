"""What stands in infra/ is at least well-formed, and Dagster takes the instance file."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
YAMLS = [*sorted((ROOT / "infra").glob("*.yaml")), ROOT / "workspace.yaml", ROOT / ".pre-commit-config.yaml"]


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.name)
def test_every_yaml_is_one(path: Path) -> None:
    assert isinstance(YAML(typ="safe").load(path), dict)


def test_dagster_takes_the_instance_file(tmp_path: Path) -> None:
    from dagster import DagsterInstance

    shutil.copy(ROOT / "infra" / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1


def test_the_workspace_names_a_module_that_is_there() -> None:
    (entry,) = YAML(typ="safe").load(ROOT / "workspace.yaml")["load_from"]
    assert find_spec(entry["python_module"]["module_name"]) is not None


def test_compose_starts_each_service_from_files_that_are_there() -> None:
    compose = YAML(typ="safe").load(ROOT / "infra" / "compose.yaml")
    for service in compose["services"].values():
        context = (ROOT / "infra" / service["build"]["context"]).resolve()
        assert (context / service["build"]["dockerfile"]).is_file()
        assert not any(port.count(":") < 2 for port in service.get("ports", ())), "a port open to other machines"


@pytest.mark.parametrize("script", ["infra/setup.sh", ".ci/run"])
def test_scripts_parse(script: str) -> None:
    shell = "bash" if script == ".ci/run" else "sh"
    subprocess.run([shell, "-n", ROOT / script], check=True)
