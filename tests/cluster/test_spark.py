"""A standalone Spark of two workers, one of which does not see the lake that the driver sees."""

from tests.cluster.spark_steps import ROWS
from tests.support.clusters import serve_s3, start_spark_on
from tests.support.nodes import wired

BOTH = {
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "90s",
}
"""Options by which no task starts before both workers are there."""


def test_a_worker_that_is_blind_to_the_lake_commits_nothing_and_one_on_a_store_needs_no_disk() -> None:
    with wired("store", "head", "worker") as (store, *nodes):
        environment = serve_s3(store, "shelf")
        for node in nodes:
            node.environment |= environment
        settings = start_spark_on(nodes)
        head, worker = nodes
        outcomes = {
            lake: head.call("tests.cluster.spark_steps:write", within_s=300, lake=lake, settings=settings, options=BOTH)
            for lake in ("/tmp/lake", "s3://shelf/lake")  # noqa: S108 (each node's own)
        }
        blind, stored = outcomes.values()
        assert (stored["written"], stored["read"], stored["error"]) == (ROWS, ROWS, "")
        assert {head.address, worker.address} <= set(stored["hosts"])
        assert (blind["written"], blind["read"]) == (0, 0)
        assert f"workers were given {ROWS} rows, the files that are seen from here hold" in blind["error"], blind
