"""Nodes share nothing but what is installed, and end without a trace."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.clusters import Sizes, serve_s3, start_ray_on
from tests.support.nodes import wired


def test_a_node_sees_no_other_nodes_disk_and_dies_with_all_that_runs_on_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("here", "utf-8")
    with wired("one", "two") as (first, second):
        first.run("touch", "/tmp/ones", within_s=30)  # noqa: S108
        for node in (first, second):
            assert node.run("hostname", within_s=30) == f"{node.name}\n"
            assert not node.run("sh", "-c", f"ls {tmp_path} 2>/dev/null || true", within_s=30)
        assert second.run("ls", "/tmp", within_s=30) == ""  # noqa: S108
        sleeper = first.start("sleep", "600")
        listener = first.start("python3", "-m", "http.server", "80", "--bind", first.address, stderr=subprocess.DEVNULL)
        second.reach(first.address, 80, within_s=60)
        pids = first.processes("sleep 600")
        first.kill()
        assert sleeper.wait(30) != 0
        assert listener.wait(30) != 0
        with pytest.raises(AssertionError, match="two: not done in 2 s"):
            second.reach(first.address, 80, within_s=2)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_ray_of_three_nodes_knows_their_sizes() -> None:
    with wired("store", "head", "small", "large") as (store, *nodes):
        environment = serve_s3(store, "shelf")
        start_ray_on(nodes, [Sizes(1), Sizes(1), Sizes(2, gpus=1)], environment=environment)
        assert nodes[0].call("tests.cluster.steps:cluster", within_s=240) == [
            '{"CPU": 1, "GPU": 0}',
            '{"CPU": 1, "GPU": 0}',
            '{"CPU": 2, "GPU": 1}',
        ]


def test_a_node_that_does_not_see_the_lake_is_named_before_any_work() -> None:
    with wired("store", "head", "blind") as (store, *nodes):
        start_ray_on(nodes, [Sizes(1), Sizes(1)], environment=serve_s3(store, "shelf"))
        head, blind = nodes
        assert head.call("tests.cluster.steps:refused", within_s=240, lake="s3://shelf/lake") == ""
        refused = head.call("tests.cluster.steps:refused", within_s=240, lake="/tmp/lake")  # noqa: S108
        assert refused.startswith(
            f"1 of the cluster's nodes cannot do the work: {blind.address} sees another folder at"
        )
