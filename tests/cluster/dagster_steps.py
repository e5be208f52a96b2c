"""What the test of Dagster's launcher has done on the head, called by name (`Node.call`)."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def launch(folder: str, repository: str) -> dict[str, str]:
    """Makes a drop that Assay can read, and has Dagster launch the asset `ingest` for it; returns the run's id."""
    import dagster as dg
    from PIL import Image

    drop = Path(folder)
    (drop / "images").mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(drop / "images" / "red.png")
    talk = [{"from": "human", "value": "<image>\nWhat colour is it?"}, {"from": "gpt", "value": "red"}]
    (drop / "rows.json").write_text(json.dumps([{"id": "1", "image": "red.png", "conversations": talk}]), "utf-8")
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("drops", ["red"])
    config = json.dumps({"ops": {"ingest": {"config": {"path": folder}}}})
    tags = json.dumps({"dagster/partition": "red", "dagster/asset_selection": "ingest"})
    words = ["-m", "dagster", "job", "launch", "-m", "pipelines.definitions", "-j", "drop_job", "--config-json", config]
    subprocess.run([sys.executable, *words, "--tags", tags], cwd=repository, check=True, timeout=300)
    with dg.DagsterInstance.get() as instance:
        return {"run": instance.get_runs()[0].run_id}


def wait(run: str) -> dict[str, Any]:
    """How the run and the cluster's jobs ended, and the cores that are still held."""
    import dagster as dg
    import ray
    from ray.job_submission import JobSubmissionClient

    with dg.DagsterInstance.get() as instance:
        while not (held := instance.get_run_by_id(run)) or not held.is_finished:
            time.sleep(1)
        status = held.status.value
    client = JobSubmissionClient(os.environ["ASSAY_RAY_JOBS"])
    while not all(job.status.is_terminal() for job in client.list_jobs()):
        time.sleep(1)
    jobs = {job.submission_id: job.status.value for job in client.list_jobs() if job.submission_id}
    ray.init(logging_level="error")
    free = ray.available_resources().get("CPU", 0.0)
    return {"run": status, "jobs": jobs, "held": ray.cluster_resources()["CPU"] - free}
