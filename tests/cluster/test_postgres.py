"""Two machines that run at once, on one lake, with Dagster's records in one Postgres."""

import subprocess

import pytest

from tests.support.clusters import serve_postgres, serve_s3
from tests.support.killing import ASSAY
from tests.support.nodes import Node, wired

LAKE = "s3://shelf/lake"
_HOME = "/tmp/dagster"  # noqa: S108 (each node's own)


@pytest.mark.timeout(1200)
def test_two_runs_at_once_keep_their_records_in_one_postgres() -> None:
    with wired("store", "one", "two") as (store, *nodes):
        shared = serve_s3(store, "shelf") | {"DAGSTER_POSTGRES_URL": serve_postgres(store), "DAGSTER_HOME": _HOME}
        for number, node in enumerate(nodes):
            node.environment |= shared
            files = "infra/instance/dagster.yaml infra/instance/dagster-postgres.yaml"
            records = f"mkdir {_HOME} && cat {files} > {_HOME}/dagster.yaml"
            node.run("sh", "-c", records, within_s=20)
            made = node.call("tests.cluster.run_steps:deliver_colours", within_s=200, address=drop_of(number))
            assert made == 10
        runs = [begun(node, drop_of(number)) for number, node in enumerate(nodes)]
        outputs = [run.communicate(timeout=900)[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], outputs
        kept = nodes[0].call("tests.cluster.run_steps:kept", within_s=100, lake=LAKE)
        assert kept == {"runs": {"SUCCESS": 4}, "hosts": 2, "members": 20}


def drop_of(number: int) -> str:
    return f"s3://shelf/drops/{number}"


def begun(node: Node, drop: str) -> subprocess.Popen[str]:
    words = [*ASSAY, "run", drop, "--lake", LAKE]
    return node.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
