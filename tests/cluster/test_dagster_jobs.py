"""A run that Dagster launches is a job of the Ray cluster, and leaves nothing behind it there."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.clusters import JOBS_PORT, Sizes, start_ray_on
from tests.support.nodes import REPOSITORY, Node, wired

HOME, LAKE, DROP = "/tmp/dagster", "/tmp/lake", "/tmp/drop"  # noqa: S108 (each node's own)


@pytest.mark.timeout(1200)
def test_a_launched_run_is_a_ray_job_that_ends_with_it() -> None:
    with wired("head") as (head,):
        head.environment |= {"DAGSTER_HOME": HOME, "ASSAY_LAKE": LAKE}
        start_ray_on([head], [Sizes(2)], environment={}, takes_jobs=True)
        address = f"http://{head.address}:{JOBS_PORT}"
        head.environment["ASSAY_RAY_JOBS"] = address
        head.reach(head.address, JOBS_PORT, within_s=240)
        head.run(
            "sh",
            "-c",
            f"mkdir {HOME} && cat infra/instance/dagster.yaml infra/instance/dagster-ray.yaml > {HOME}/dagster.yaml",
            within_s=60,
        )
        # The head's environment names the cluster as a driver there knows it; a launcher is no driver.
        launched = head.call(
            "tests.cluster.dagster_steps:launch", within_s=400, folder=DROP, repository=str(REPOSITORY)
        )
        daemon = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "pipelines.definitions"]
        head.start(*daemon, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # takes runs off the queue
        ended = finished(head, launched["run"])
        assert ended == {"run": "SUCCESS", "jobs": {f"dagster-run-{launched['run']}": "SUCCEEDED"}, "held": 0.0}


def finished(head: Node, run: str) -> dict[str, Any]:
    return head.call("tests.cluster.dagster_steps:wait", within_s=600, run=run)
