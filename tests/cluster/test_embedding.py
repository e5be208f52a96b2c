"""Encoders on clusters of small nodes: with more images than an object store holds, and with parts that die midway."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.clusters import Sizes, serve_s3, start_ray_on
from tests.support.nodes import Node, wired

LAKE = "s3://shelf/lake"


@contextmanager
def ray_cluster(*sizes: Sizes) -> Iterator[list[Node]]:
    """A Ray of nodes of these sizes, and a lake on a node of its own."""
    with wired("store", *(f"node{number}" for number in range(len(sizes)))) as (store, *nodes):
        start_ray_on(nodes, sizes, environment=serve_s3(store, "shelf"))
        yield nodes


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([Sizes(1)] * 3, id="3x1"),
        pytest.param([Sizes(1)] * 2, id="2x1"),
        pytest.param([Sizes(2)] * 2, id="2x2"),
        pytest.param([Sizes(1), Sizes(1, gpus=1)], id="a GPU that a worker declares"),
    ],
)
def test_small_nodes_embed_thousands_of_images(sizes: list[Sizes]) -> None:
    """300 MB of pixels go through stores of 80 MB, with as many encoders as there is room for."""
    with ray_cluster(*sizes) as (head, *_):
        contents = head.call("tests.cluster.steps:fill", within_s=200, lake=LAKE, pictures=2000, distinct=2000)
        counts = head.call("tests.cluster.steps:embed_first", within_s=900, lake=LAKE, images_an_actor=200)
        assert (counts["images_new"], counts["device"]) == (2000, "cpu")
        stored = head.call("tests.cluster.steps:embedded", within_s=100, lake=LAKE)
        assert stored == {"rows": contents, "distinct": contents}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("victim", ["a node", "an encoder"])
def test_what_dies_midway_costs_its_blocks_alone(victim: str, tmp_path: Path) -> None:
    with ray_cluster(Sizes(1), Sizes(1), Sizes(1)) as (head, _, worker):
        contents = head.call("tests.cluster.steps:fill", within_s=200, lake=LAKE, pictures=1200, distinct=1200)
        words = json.dumps({"lake": LAKE, "images_an_actor": 200, "flush_rows": 100})
        command = [sys.executable, "-m", "tests.support.called", "tests.cluster.steps:embed_first", words]
        with (
            (tmp_path / "said").open("w") as output,
            head.start(*command, stdout=output, stderr=subprocess.STDOUT) as run,
        ):
            until_some_are_stored(head, contents)
            if victim == "a node":
                worker.kill()
            else:
                os.kill(encoder_of(worker), signal.SIGKILL)
            assert run.wait(900) == 0, (tmp_path / "said").read_text("utf-8")[-4000:]
        stored = head.call("tests.cluster.steps:embedded", within_s=100, lake=LAKE)
        assert stored == {"rows": contents, "distinct": contents}


def until_some_are_stored(head: Node, contents: int) -> None:
    for _ in range(200):
        stored = head.call("tests.cluster.steps:embedded", within_s=100, lake=LAKE)["rows"]
        if stored:
            assert stored < contents, "it was over before anything could die"
            return
        time.sleep(1)
    raise AssertionError("nothing was stored")


def encoder_of(worker: Node) -> int:
    """The process of an encoder of that node; every node of one core has one."""
    pids = worker.processes("ray::MapWorker")
    assert pids, "no encoder there"
    return pids[0]
