"""`make dev` on a lake, as a process group, and runs that are launched there as the UI launches them."""

import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import requests
from dagster._core.storage.tags import PARTITION_NAME_TAG

from tests.support.killing import Group

_LAUNCH = """mutation($given: ExecutionParams!) { launchRun(executionParams: $given) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "pipelines.definitions"}


class Dev:
    """The web server and the daemon of a lake."""

    def __init__(self, group: Group, port: int, lake: Path) -> None:
        self.group, self.port, self.lake = group, port, lake

    def launch(self, job: str, *, drop: str = "", config: Mapping[str, object] | None = None) -> str:
        """Starts a run of the job; returns its id."""
        given = {
            "selector": {**_LOCATION, "jobName": job},
            "runConfigData": json.dumps(config or {}),
            "executionMetadata": {"tags": [{"key": PARTITION_NAME_TAG, "value": drop}] if drop else []},
        }
        answer = self._ask(_LAUNCH, {"given": given})["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def outcome(self, run: str, *, within_s: float) -> str:
        """What the run comes to, once it has ended."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            with dg.DagsterInstance.from_config(str(self.lake / ".dagster")) as instance:
                known = instance.get_run_by_id(run)
            assert known is not None
            if known.is_finished:
                return known.status.value
            time.sleep(0.5)
        raise AssertionError(f"run {run} has not ended in {within_s} s:\n{self.group.output()}")

    def _ask(self, query: str, variables: Mapping[str, object] | None = None) -> dict[str, Any]:
        asked = {"query": query, "variables": variables or {}}
        return requests.post(f"http://127.0.0.1:{self.port}/graphql", json=asked, timeout=60).json()["data"]

    def is_up(self) -> bool:
        """Whether the web server answers."""
        try:
            return bool(self._ask("{ version }"))
        except requests.RequestException:
            return False


@contextmanager
def dagster_dev(lake: Path, config: Path, log: Path, environment: Mapping[str, str]) -> Iterator[Dev]:
    """Until the block ends, or is killed in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--workspace", "workspace.yaml")
    variables = {"ASSAY_LAKE": str(lake), "ASSAY_CONFIG": str(config), "DAGSTER_HOME": str(lake / ".dagster")}
    group = Group((sys.executable, "-m", "pipelines.ui", "dev", *arguments), log, {**environment, **variables})
    dev = Dev(group, port, lake)
    try:
        group.wait_for(lambda _: dev.is_up(), within_s=180)
        yield dev
    finally:
        group.end()
