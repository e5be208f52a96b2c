"""What stands in infra/ names images, commands, files and versions that are there, and Dagster takes its own files."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.manifests import ROOT, image_user, locked, misfits, pod_specs, read, require_command

COMPOSED = ("infra/compose.yaml", "infra/compose-cluster.yaml")


def pods() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each pod of the Ray job, and its one container."""
    return [(spec, container) for _, spec in pod_specs(read("infra/rayjob.yaml")) for container in spec["containers"]]


def test_ray_job_runs_a_command_that_is_there_on_volumes_that_are_mounted() -> None:
    job = read("infra/rayjob.yaml")["spec"]
    require_command(job["entrypoint"])
    places = [word for word in shlex.split(job["entrypoint"]) if "://" in word]
    assert len(places) == 2, "a drop and a lake, which no node needs a disk for"
    for spec, container in pods():
        assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in spec["volumes"]}
        assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsUser"] == image_user()
        assert container["resources"]["requests"] == container["resources"]["limits"], "Ray counts what it is given"


def test_ray_job_is_what_kuberay_takes() -> None:
    """By names and types of its own resource definition."""
    job = read("infra/rayjob.yaml")
    assert misfits(job) == []
    job["spec"]["rayClusterSpec"]["workerGroupSpecs"][1]["minReplica"] = 0
    assert "minReplica" in misfits(job)[0]


def test_gpu_nodes_come_when_they_are_asked_for() -> None:
    cluster = read("infra/rayjob.yaml")["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"]
    (gpu,) = (
        group
        for group in cluster["workerGroupSpecs"]
        if "nvidia.com/gpu" in group["template"]["spec"]["containers"][0]["resources"]["limits"]
    )
    assert gpu["replicas"] == gpu["minReplicas"] == 0 < gpu["maxReplicas"]


def test_the_image_holds_what_runs_in_the_versions_that_are_tested() -> None:
    everything, runtime = locked("requirements.lock"), locked("infra/runtime.lock")
    assert runtime.items() <= everything.items()
    assert not {"pytest", "moto", "trl", "ruff"} & runtime.keys()
    script = ["sh", "infra/without_gpu.sh", "infra/runtime.lock"]
    text = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    left = set(re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE))
    gone = runtime.keys() - left
    assert {"torch", "torchvision", "triton", "nvidia-cublas"} <= gone
    assert all(name in ("torch", "torchvision", "triton") or name.startswith(("nvidia-", "cuda-")) for name in gone)


def test_ray_job_has_a_token_and_the_ray_that_is_locked() -> None:
    cluster = read("infra/rayjob.yaml")["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"] == locked("requirements.lock")["ray"]


def test_one_image_is_built_and_named_everywhere() -> None:
    dockerfile = (ROOT / "infra" / "Dockerfile").read_text("utf-8")
    built = re.search(r"docker build -f (\S+) -t (\S+) ", dockerfile)
    assert built
    assert (ROOT / built[1]).is_file()
    services = [service for name in COMPOSED for service in read(name)["services"].values()]
    composed = [service["image"] for service in services if "build" in service]
    assert {built[2]} == {*composed, *(container["image"] for _, container in pods())}
    for copied in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split()), copied


def test_variables_of_the_containers_are_read_by_something() -> None:
    dockerfile = (ROOT / "infra" / "Dockerfile").read_text("utf-8")
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", dockerfile, re.MULTILINE)
    assert block
    given = set(re.findall(r"([A-Z_]+)=", block[1])) - {"PATH"}
    for name in COMPOSED:
        for service in read(name)["services"].values():
            given |= set(service.get("environment", {})) if "build" in service else set()
    readers = [path for room in ("pipelines", "resources") for path in (ROOT / room).rglob("*.py")]
    readers += (ROOT / "infra/instance").glob("dagster*.yaml")
    sources = "".join(path.read_text("utf-8") for path in readers)
    assert given
    spark = {"SPARK_DAEMON_JAVA_OPTS"}  # its own scripts read it
    assert not [name for name in given - spark if name not in sources]


def test_dagster_launches_runs_as_ray_jobs_with_the_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster import DagsterInstance
    from dagster_ray import RayRunLauncher

    both = [(ROOT / "infra/instance" / name).read_text("utf-8") for name in ("dagster.yaml", "dagster-ray.yaml")]
    (tmp_path / "dagster.yaml").write_text("".join(both), "utf-8")
    monkeypatch.setenv("ASSAY_RAY_JOBS", "http://ray-head:8265")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, RayRunLauncher)
        assert launcher.address == "http://ray-head:8265"
        assert launcher.supports_check_run_worker_health
        assert instance.run_monitoring_enabled


def test_dagster_takes_the_instance_file(tmp_path: Path) -> None:
    from dagster import DagsterInstance
    from dagster._core.instance.config import PoolGranularity

    shutil.copy(ROOT / "infra/instance/dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.default_pool_limit == 1
        assert concurrency.pool_config.pool_granularity == PoolGranularity.RUN


def test_the_workspace_names_a_module_that_is_there() -> None:
    (entry,) = read("workspace.yaml")["load_from"]
    assert find_spec(entry["python_module"]["module_name"]) is not None


@pytest.mark.full
def test_dg_checks_the_definitions(tmp_path: Path) -> None:
    environment = {**os.environ, "ASSAY_LAKE": str(tmp_path / "lake")}
    command = [str(Path(sys.executable).with_name("dg")), "check", "defs"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All definitions loaded successfully" in done.stdout


@pytest.mark.parametrize("name", ["infra/compose.yaml", "infra/compose-cluster.yaml"])
def test_compose_starts_each_service_from_files_that_are_there(name: str) -> None:
    services = read(name)["services"]
    assert services
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        if "build" not in service:
            assert not service.get("ports")
            continue
        context = (ROOT / "infra" / service["build"]["context"]).resolve()
        assert (context / service["build"]["dockerfile"]).is_file()
        require_command(service["command"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), "a port open to other machines"


@pytest.mark.parametrize("script", ["infra/setup.sh", "infra/tools.sh", "infra/without_gpu.sh", ".ci/run"])
def test_scripts_parse(script: str) -> None:
    shell = "bash" if script == ".ci/run" else "sh"
    subprocess.run([shell, "-n", ROOT / script], check=True)


def test_commit_hooks_run_programs_of_the_environment() -> None:
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert hooks
    for hook in hooks:
        program = Path(shlex.split(hook["entry"])[0])
        assert (ROOT / program).exists() or program.name == "make", hook["entry"]
