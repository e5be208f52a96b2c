"""A run on a cluster publishes what the same run on one machine does."""

import json
import re

import pytest

from tests.support.clusters import Sizes, serve_s3, start_ray_on, start_spark_on
from tests.support.killing import ASSAY
from tests.support.nodes import Node, wired

DROP = "s3://shelf/drops/shapes"
_CONFIG, _ALONE = "/tmp/assay.yaml", "/tmp/lake"  # noqa: S108 (each node's own)
_FIGURE = re.compile(r"\d+\.\d+(e-\d+)?")


@pytest.mark.timeout(1800)
def test_a_cluster_and_one_machine_publish_the_same_version() -> None:
    """Ray and Spark of two nodes that share no disk, the lake on an S3 server; against one node with a disk."""
    with wired("store", "alone", "head", "worker") as (store, alone, *nodes):
        environment = serve_s3(store, "shelf")
        alone.environment |= environment
        start_ray_on(nodes, [Sizes(1), Sizes(1)], environment=environment)
        spark = start_spark_on(nodes)
        head = nodes[0]
        assert head.call("tests.cluster.run_steps:deliver", within_s=200, folder="/tmp/drop", address=DROP)  # noqa: S108
        run(alone, _ALONE, {"ray": {"num_cpus": 2}})
        expected = alone.call("tests.cluster.run_steps:published", within_s=100, lake=_ALONE)
        run(head, "s3://shelf/lake", {"spark": spark})
        made = head.call("tests.cluster.run_steps:published", within_s=100, lake="s3://shelf/lake")
        quoted, others = made.pop("reasons"), expected.pop("reasons")
        assert made == expected
        assert rounded(quoted) == rounded(others)
        assert expected["curated"][0] > 60


def rounded(reasons: list[str]) -> list[str]:
    """The reasons with the figures that they quote in three digits."""
    return [_FIGURE.sub(lambda figure: f"{float(figure[0]):.3g}", reason) for reason in reasons]


def run(node: Node, lake: str, settings: dict[str, object]) -> None:
    node.run("sh", "-c", 'printf "%s" "$1" > "$0"', _CONFIG, json.dumps(settings), within_s=20)
    words = ["run", DROP, "--lake", lake, "--config", _CONFIG]
    node.run(*ASSAY, *words, within_s=900)
