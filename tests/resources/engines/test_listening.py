"""While Ray and Spark run, only loopback is listened on, and nobody without the token gets an answer."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[3]
RUN = """
    import json, os, sys
    from resources.engines.ray import start_ray
    from resources.lake.tables import Lake
    from resources.engines.spark import start_spark
    from resources.config.spark_settings import SparkSettings
    import ray

    start_ray(num_cpus=1, object_store_bytes=100_000_000, lake=Lake(sys.argv[1]))
    spark = start_spark(SparkSettings(cores=1, memory="600m", shuffle_partitions=1, quick_start=True))
    assert spark.range(3).rdd.map(lambda row: row.id).collect() == [0, 1, 2]
    print(json.dumps(ray.get_runtime_context().gcs_address), flush=True)
    sys.stdin.readline()
"""
# What another user of the machine would do: join the cluster, run a task there as whoever owns it.
ATTACK = """
    import os, sys
    import ray

    @ray.remote
    def whoami():
        return os.getuid()

    try:
        ray.init(address=sys.argv[1], log_to_driver=False)
        print("ran as", ray.get(whoami.remote(), timeout=60))
    except ConnectionError as error:
        print("refused", error)
"""
#: A method of each of Ray's services: the cluster's store, the machine's, the workers'.
METHODS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.JobInfoGcsService/AddJob",
    "/ray.rpc.InternalKVGcsService/InternalKVPut",
    "/ray.rpc.ActorInfoGcsService/RegisterActor",
    "/ray.rpc.NodeManagerService/RequestWorkerLease",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.CoreWorkerService/PushTask",
    "/ray.rpc.CoreWorkerService/KillActor",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.ObjectManagerService/Push",
)


@dataclass(frozen=True)
class Run:
    """A process in which both engines run."""

    process: psutil.Process
    lake: Path
    gcs: str

    def listening(self) -> list[tuple[str, str, int]]:
        """Name, address and port of all that this run listens on."""
        places: list[tuple[str, str, int]] = []
        for process in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # one that has ended listens on nothing
                places += [
                    (process.name(), connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
                    for connection in process.net_connections(kind="inet")
                    if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
                ]
        return places


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    lake = tmp_path_factory.mktemp("lake")
    unset = ("RAY_", "SPARK_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    # A short name, for the sockets in it; and this run's own, for others run beside it.
    temporary = Path(tempfile.mkdtemp(prefix="r"))
    environment |= {"PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(temporary)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(lake)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        first = next((line for line in process.stdout if line.startswith('"')), None)
        assert first, "the engines did not start"
        assert list(temporary.iterdir())
        yield Run(psutil.Process(process.pid), lake, json.loads(first))
        process.communicate("\n", timeout=60)
    temporary.rmdir()  # a run leaves nothing behind


def attack(run: Run, **environment: str) -> str:
    """What the attacker's client prints; as another user where this one may become another and that one can read the
    packages."""
    command = [sys.executable, "-c", textwrap.dedent(ATTACK), run.gcs]
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    home = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    home["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # or it would look for the cluster beyond loopback
    if os.geteuid() == 0 and shutil.which("setpriv"):
        tried = subprocess.run([*other, sys.executable, "-c", "import ray"], env=home, capture_output=True, check=False)
        command = [*other, *command] if tried.returncode == 0 and "RAY_AUTH_TOKEN_PATH" not in environment else command
    asked = subprocess.run(
        command, env={**home, **environment}, cwd="/", capture_output=True, text=True, timeout=120, check=False
    )
    return asked.stdout + asked.stderr


def test_only_loopback_is_listened_on(run: Run) -> None:
    listening = run.listening()
    names = {name for name, _, _ in listening}
    assert {"gcs_server", "raylet", "java"} <= names, names
    assert {address for _, address, _ in listening} == {"127.0.0.1"}


def test_client_without_the_token_runs_nothing(run: Run) -> None:
    assert "refused" in attack(run, RAY_AUTH_MODE="disabled")
    assert "refused" in attack(run, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)


def test_client_with_the_token_runs_what_it_likes(run: Run) -> None:
    """So the one above is refused for its token."""
    token = run.lake / ".private" / "ray_token"
    answer = attack(run, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    assert f"ran as {os.geteuid()}" in answer, answer


def grpc_answers(port: int) -> dict[str, grpc.StatusCode]:
    """The status that each method ends with when called without a token; none where gRPC is not spoken."""
    answers = {}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=3)
        except grpc.FutureTimeoutError:
            return {}
        for method in METHODS:
            call = channel.unary_unary(method).future(b"", timeout=5)
            answers[method] = call.code()
    return answers


def test_no_service_of_ray_answers_without_the_token(run: Run) -> None:
    refused = set()
    for name, _, port in run.listening():
        if name == "java":
            continue
        for method, status in grpc_answers(port).items():
            # The second is a service of another process.
            assert status in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED), (name, method)
            if status == grpc.StatusCode.UNAUTHENTICATED:
                refused.add(method)
    assert refused == set(METHODS)


def test_nothing_else_answers_without_a_secret(run: Run) -> None:
    body = b"x" * 20
    request = bytes([3]) + struct.pack(">qi", 7, len(body)) + body  # an RPC, as Spark frames it
    asked = {
        "http": b"GET /api/jobs/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "spark": struct.pack(">q", 8 + len(request)) + request,
        "py4j": b"c\nj\ngetDefaultSession\ne\n",
    }
    sasl = 0
    for name, _, port in run.listening():
        for kind, sent in asked.items():
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.settimeout(2)
                connection.sendall(sent)
                try:
                    answer = connection.recv(4096)
                except (TimeoutError, ConnectionError):
                    answer = b""
            assert b"HTTP/1.1 200" not in answer, (name, port)
            assert not answer.startswith(b"!y"), f"py4j did as it was asked on port {port}"
            if kind == "spark" and name == "java" and answer:
                assert b"Expected SaslMessage" in answer or b"AuthMessage" in answer, answer[:300]
                sasl += 1
    assert sasl == 2, "the driver's and the block manager's port"


def test_others_can_enter_no_folder_of_a_run(run: Run) -> None:
    for process in (run.process, *run.process.children(recursive=True)):
        for connection in process.net_connections(kind="unix"):
            path = Path(str(connection.laddr))
            if path.is_absolute() and path.exists():
                closed = [above for above in path.parents if above.stat().st_mode & 0o077 == 0]
                assert closed, f"{path} may be reached by everyone"


def test_ss_sees_the_same(run: Run) -> None:
    if shutil.which("ss") is None:
        pytest.skip("ss (Debian: iproute2) is not installed")
    sockets = subprocess.run(["ss", "-Hltun"], capture_output=True, text=True, check=True).stdout
    ours = {str(port) for _, _, port in run.listening()}
    addresses = [line.split()[4].rpartition(":") for line in sockets.splitlines()]
    open_to = {address for address, _, port in addresses if port in ours}
    assert open_to, "the ports of this run are among them"
    assert open_to <= {"127.0.0.1", "[::ffff:127.0.0.1]"}, open_to
